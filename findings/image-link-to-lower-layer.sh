#!/usr/bin/env bash
# A layer's entry may be a second name for a file, and a layer is what changes in the tree below it: so the first name may stand in a
# lower layer.  umoci unpacks such an image, and so does buildah on the storage driver vfs, with one file of two names.  On overlay,
# where each layer is unpacked into a directory of its own, buildah has no such image: "no such file or directory".
. "$(dirname "$0")/lib.sh"
. "$beside/layers.sh"
[ "$(id -u)" = 0 ] || untried "buildah runs as root here"
deb buildah=1.28.2+ds1-3+deb12u1+b3 umoci=0.4.7+ds-3+b7
buildah --version && umoci --version || untried "buildah and umoci want libraries that are not here"
layout one "[[file('first', 'x'), link('second', 'first')]]"
layout two "[[file('first', 'x')], [link('second', 'first')]]"
by_umoci() { umoci unpack --image "$1:it" "bundle-$1" >said 2>&1 && stat -c %h "bundle-$1/rootfs/second"; }
for image in one two; do
  expect "in $image layer(s), names of the file by umoci" "$(by_umoci $image)" 2
  expect "the same, buildah on vfs" "$(by_buildah vfs $image stat -c %h second)" 2
  [ $image = two ] || expect "the same, buildah on overlay" "$(by_buildah overlay $image stat -c %h second)" 2
done
expect "in two layers, buildah on overlay" "$(by_buildah overlay two stat -c %h second || echo "no image")" "no image"
expect "what it says" "$(grep -o 'no such file or directory' said | head -1)" "no such file or directory"
exit $changed
