#!/usr/bin/env bash
# The runtime specification asks for no mount of /proc.  Without one crun starts the container, runc does not: it opens
# the /proc/self/fd of the container's own root to close what it left open.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
for runtime in runc crun; do
  case $runtime in runc) wanted="not started" ;; crun) wanted=started ;; esac
  change="c['mounts'] = []; c['linux'].update(maskedPaths=[], readonlyPaths=[])"
  expect "$runtime, no mount of /proc" "$(run $runtime "$change" sh -c 'echo started' || echo "not started")" "$wanted"
  grep -o '/proc/self/fd: no such file or directory' stderr || true
done
exit $changed
