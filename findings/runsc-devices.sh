#!/usr/bin/env bash
# "devices lists devices that MUST be available in the container" (OCI runtime specification, config-linux.md).  gVisor's runsc makes
# none of them, the plainest neither: a device with the numbers of /dev/null under another name is not there, and nothing is said.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
. "$beside/runsc.sh"
device="c['linux']['devices'] = [{'path': '/dev/more', 'type': 'c', 'major': 1, 'minor': 3, 'fileMode': 0o666, 'uid': 0, 'gid': 0}]"
ask_for='for one in null more; do [ -c /dev/$one ] && echo $one there || echo $one missing; done'
for runtime in runc crun; do expect "$runtime" "$(run $runtime "$device" sh -c "$ask_for" | paste -sd,)" "null there,more there"; done
expect "runsc" "$(sandboxed "$device" sh -c "$ask_for" | paste -sd,)" "null there,more missing"
expect "runsc, said" "$(cat stderr)" ""
exit $changed
