#!/usr/bin/env bash
# A tmpfs without the option `mode` has the mode 1777.  runc gives it the mode of the directory over which it is mounted,
# so the mode depends on what the image had there; crun leaves it 1777.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
mkdir -m 0750 root/work
change="c['mounts'].append({'type': 'tmpfs', 'source': 'tmpfs', 'destination': '/work', 'options': []})"
for runtime in runc crun; do
  case $runtime in runc) wanted=750 ;; crun) wanted=1777 ;; esac
  expect "$runtime, a tmpfs over a directory of mode 750" "$(run $runtime "$change" busybox stat -c %a /work)" $wanted
done
exit $changed
