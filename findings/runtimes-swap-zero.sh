#!/usr/bin/env bash
# `swap` in a configuration's memory is memory and swap together, so `swap: 0` beside a limit is less than the limit, and one would
# read it as no swap, or as a mistake.  crun starts no such container, and runc none with `swap: 16777216`; but 0 is no number to
# runc, and the container has a limit of memory and as much swap as there is.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
group=/sys/fs/cgroup/memory
[ -f $group/memory.memsw.limit_in_bytes ] || untried "no memory controller of control groups v1 that counts swap"
both() { # RUNTIME SWAP: what the container's group has, or what the runtime says
  run "$1" "c['linux']['namespaces'] = [one for one in c['linux']['namespaces'] if one['type'] != 'cgroup']
c['mounts'].append({'type': 'cgroup', 'source': 'cgroup', 'destination': '/sys/fs/cgroup', 'options': ['ro']})
c['linux']['resources'] = {'memory': {'limit': 33554432, 'swap': $2}}" \
    sh -c "cat $group/memory.limit_in_bytes $group/memory.memsw.limit_in_bytes" | tr '\n' ' ' ||
    grep -o -i 'invalid argument' stderr | tr '[:upper:]' '[:lower:]'
}
set -o pipefail
for runtime in runc crun; do
  case $runtime in runc) wanted="33554432 9223372036854771712 " ;; crun) wanted="invalid argument" ;; esac
  expect "$runtime, swap 0" "$(both $runtime 0)" "$wanted"
  expect "$runtime, swap 33554432" "$(both $runtime 33554432)" "33554432 33554432 "
  expect "$runtime, swap 16777216" "$(both $runtime 16777216)" "invalid argument"
done
exit $changed
