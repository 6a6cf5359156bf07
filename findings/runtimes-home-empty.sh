#!/usr/bin/env bash
# `HOME=` in `process.env` is a variable with an empty value, and the container's program has what the configuration says.  With
# crun it does.  runc takes an empty HOME for none, and puts the home of the user in the image's /etc/passwd in its place.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
mkdir root/etc && echo 'app:x:1000:1000::/home/app:/bin/sh' >root/etc/passwd
change="c['process']['env'] = ['PATH=/bin', 'HOME=', 'LANG=']; c['process']['user'] = {'uid': 1000, 'gid': 1000}"
for runtime in runc crun; do
  case $runtime in runc) wanted=/home/app ;; crun) wanted= ;; esac
  expect "$runtime, HOME and LANG" "$(run $runtime "$change" sh -c 'echo "[$HOME] [$LANG]"')" "[$wanted] []"
done
exit $changed
