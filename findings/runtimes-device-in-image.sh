#!/usr/bin/env bash
# Where the image has a device file and the configuration asks for another device under its name, a runtime has to fail
# (runtime specification, config-linux.md, Devices).  Both start the container, which finds the image's device.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
mknod -m 644 root/dev/noise c 1 5
change="c['linux']['devices'] = [{'path': '/dev/noise', 'type': 'c', 'major': 1, 'minor': 3, 'fileMode': 0o600}]"
for runtime in runc crun; do
  expect "$runtime, 1 3 600 asked for, the image has 1 5 644" \
    "$(run $runtime "$change" busybox stat -c '%t %T %a' /dev/noise)" "1 5 644"
  expect "  what it said" "$(cat stderr)" ""
done
exit $changed
