#!/usr/bin/env bash
# `readonlyPaths` of a configuration are read-only in the container (OCI runtime specification, config-linux.md).  With gVisor's runsc
# they can be written to, and nothing is said: it has a /proc of its own, which the paths are mostly of, but the list may have
# any path.  A mount with `ro` of the same configuration is read-only.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
. "$beside/runsc.sh"
mkdir root/data root/mounted
paths="c['linux']['readonlyPaths'] = ['/data']
c['mounts'].append({'destination': '/mounted', 'type': 'bind', 'source': '$here/root/data', 'options': ['bind', 'ro']})"
write='for one in data mounted; do (echo >/$one/file) 2>/dev/null && echo $one written || echo $one refused; done'
for runtime in runc crun; do
  expect "$runtime" "$(run $runtime "$paths" sh -c "$write" | paste -sd,)" "data refused,mounted refused"
done
expect "runsc" "$(sandboxed "$paths" sh -c "$write" | paste -sd,)" "data written,mounted refused"
expect "runsc, said" "$(cat stderr)" ""
exit $changed
