#!/usr/bin/env bash
# The kernel has CPU shares from 2 to 262144 (control groups v1), and turns a number outside into the nearest of them without an
# error.  runc reads back what it wrote and starts no container with `shares: 1`; crun starts one that has twice what it asked
# for.  With `shares: -1`, which is no number of the specification's kind, crun starts one that has the most there is.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
[ -f /sys/fs/cgroup/cpu/cpu.shares ] || untried "the cpu controller is not one of control groups v1 here"
change="c['linux']['namespaces'] = [one for one in c['linux']['namespaces'] if one['type'] != 'cgroup']
c['mounts'].append({'type': 'cgroup', 'source': 'cgroup', 'destination': '/sys/fs/cgroup', 'options': ['ro']})"
shares() { # RUNTIME SHARES: what the container's group has, or what the runtime says
  run "$1" "c['linux']['resources'] = {'cpu': {'shares': $2}}
$change" cat /sys/fs/cgroup/cpu/cpu.shares || grep -o -e 'the m[a-z]* allowed cpu-shares is [0-9]*' -e 'cannot unmarshal number -1' stderr
}
expect "runc, shares 1" "$(shares runc 1)" "the minimum allowed cpu-shares is 2"
expect "crun, shares 1" "$(shares crun 1)" 2
expect "runc, shares 262145" "$(shares runc 262145)" "the maximum allowed cpu-shares is 262144"
expect "crun, shares 262145" "$(shares crun 262145)" 262144
expect "runc, shares -1" "$(shares runc -1)" "cannot unmarshal number -1"
expect "crun, shares -1" "$(shares crun -1)" 262144
for runtime in runc crun; do expect "$runtime, shares 262144" "$(shares $runtime 262144)" 262144; done
exit $changed
