#!/usr/bin/env bash
# A layer may have `srv/file` and no entry for `srv`, as `tar -cf layer.tar srv/file` writes it; a lower layer says what the directory is
# like.  So it is with umoci, and with buildah on the storage driver vfs.  On overlay, the usual driver, buildah makes the directory in
# the layer's own tree, root's and 0755, and that one covers the lower one: what user 1000 alone could enter, 0700, all can, and user
# 1000 can no longer write to it.
. "$(dirname "$0")/lib.sh"
. "$beside/layers.sh"
[ "$(id -u)" = 0 ] || untried "buildah runs as root here"
deb buildah=1.28.2+ds1-3+deb12u1+b3 umoci=0.4.7+ds-3+b7
buildah --version && umoci --version || untried "buildah and umoci want libraries that are not here"
layout named "[[directory('srv', 0o700, 1000)], [directory('srv', 0o700, 1000), file('srv/file', 'x')]]"
layout implied "[[directory('srv', 0o700, 1000)], [file('srv/file', 'x')]]"
by_umoci() { umoci unpack --image "$1:it" "bundle-$1" >said 2>&1 && stat -c '%a %u:%g' "bundle-$1/rootfs/srv"; }
for image in named implied; do
  wanted="700 1000:1000"
  expect "the directory is $image in the upper layer, umoci" "$(by_umoci $image)" "$wanted"
  expect "the same, buildah on vfs" "$(by_buildah vfs $image stat -c '%a %u:%g' srv)" "$wanted"
  [ $image = named ] || wanted="755 0:0"
  expect "the same, buildah on overlay" "$(by_buildah overlay $image stat -c '%a %u:%g' srv)" "$wanted"
done
exit $changed
