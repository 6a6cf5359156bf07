#!/usr/bin/env bash
# `limit: 0` in a configuration's memory is a number like others: nothing may be used, or it is refused.  runc takes it for no
# limit at all, as if it were left out; crun sets it, and the container is ended before its program starts.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
[ -f /sys/fs/cgroup/memory/memory.limit_in_bytes ] || untried "the memory controller is not one of control groups v1 here"
change="c['linux']['namespaces'] = [one for one in c['linux']['namespaces'] if one['type'] != 'cgroup']
c['mounts'].append({'type': 'cgroup', 'source': 'cgroup', 'destination': '/sys/fs/cgroup', 'options': ['ro']})
c['linux']['resources'] = {'memory': {'limit': %s}}"
for runtime in runc crun; do
  for limit in 0 67108864; do
    case $runtime-$limit in
      *-67108864) wanted=67108864 ;;
      runc-0) wanted=9223372036854771712 ;;
      crun-0) wanted="the memory limit could be too low" ;;
    esac
    # shellcheck disable=SC2059
    expect "$runtime, limit $limit" "$(run $runtime "$(printf "$change" $limit)" cat /sys/fs/cgroup/memory/memory.limit_in_bytes ||
      grep -o 'the memory limit could be too low' stderr)" "$wanted"
  done
done
exit $changed
