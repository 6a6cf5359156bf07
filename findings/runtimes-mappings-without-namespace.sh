#!/usr/bin/env bash
# `uidMappings` and `gidMappings` of a configuration say whom the container's users are outside.  Without a new user namespace among
# `namespaces` there is nothing to map, and a runtime that cannot do what the configuration says has to fail, one would think.  runc and
# crun start the container and say nothing: its root is the host's.
. "$(dirname "$0")/lib.sh"
umask 022
. "$beside/oci.sh"
chmod 755 "$here"
outside() { # RUNTIME NAMESPACES: the container's root, seen from outside by what it makes
  local change="c['linux']['uidMappings'] = c['linux']['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
c['linux']['namespaces'] += $2"
  rm -rf data && mkdir -m 777 data
  # A /dev of its own, which the container's root may write to in either case.
  run "$1" "$change
c['mounts'] += [{'destination': '/dev', 'source': 'tmpfs', 'type': 'tmpfs', 'options': ['mode=755']},
    {'destination': '/data', 'source': '$here/data', 'type': 'bind', 'options': ['bind']}]" \
    sh -c ': >/data/file' && stat -c %u:%g data/file
}
mkdir root/data
for runtime in runc crun; do
  expect "$runtime, with a user namespace" "$(outside $runtime "[{'type': 'user'}]")" 100000:100000
  expect "$runtime, without" "$(outside $runtime "[]")" 0:0
  expect "$runtime, said" "$(cat stderr)" ""
done
exit $changed
