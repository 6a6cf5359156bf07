#!/usr/bin/env bash
# Of two options of a mount that contradict each other the last one counts with mount(8).  runc does the same, and mounts
# ["ro", "rw"] writable; crun collects the flags that are set, and mounts it read-only.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
for runtime in runc crun; do
  case $runtime in runc) wanted="rw rw" ;; crun) wanted="ro rw,nosuid" ;; esac
  for pair in '"ro", "rw"' '"nosuid", "suid"'; do
    change="c['mounts'].append({'type': 'tmpfs', 'source': 'tmpfs', 'destination': '/mnt', 'options': [$pair]})"
    expect "$runtime, [$pair]" "$(run $runtime "$change" grep -o ' /mnt tmpfs [a-z,]*' /proc/mounts)" \
      " /mnt tmpfs ${wanted%% *},relatime"
    wanted=${wanted#* }
  done
done
exit $changed
