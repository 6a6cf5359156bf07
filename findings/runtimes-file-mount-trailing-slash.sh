#!/usr/bin/env bash
# A file is bound to the destination `/new/`.  runc makes a file /new, and the slash is forgotten; crun wants a directory,
# as open(2) would, and does not start.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
echo text >file
change="c['mounts'].append({'type': 'bind', 'source': '$here/file', 'destination': '/new/', 'options': ['bind']})"
for runtime in runc crun; do
  case $runtime in runc) wanted=text ;; crun) wanted="not started" ;; esac
  expect "$runtime, a file at /new/" "$(run $runtime "$change" cat /new || echo "not started")" "$wanted"
  rm -rf root/new
done
exit $changed
