#!/usr/bin/env bash
# `skopeo copy IMAGE oci:DIRECTORY` writes an image to an OCI layout, and `oci:DIRECTORY` is that image.  A second copy of another image
# to the same name takes no place of the first: it stands beside it, and `oci:DIRECTORY` is no image any more.  With a tag
# (`oci:DIRECTORY:TAG`) the second one takes the name.
. "$(dirname "$0")/lib.sh"
deb skopeo=1.9.3+ds1-1+b10 umoci=0.4.7+ds-3+b7
skopeo --version 2>said || untried "skopeo wants libraries that are not here: $(tail -1 said)"
skopeo() { apart skopeo "$@"; }
umoci init --layout from
for tag in one two; do
  umoci new --image from:$tag
  umoci config --image from:$tag --config.env "NAME=$tag"
done
copy() { skopeo --tmpdir "$here" --insecure-policy copy --quiet "oci:from:$1" "oci:$2"; }
name_in() { skopeo --insecure-policy inspect --config "oci:$1" 2>said | grep -o 'NAME=[a-z]*' || grep -o 'more than one image' said; }
copy one plain
expect "without a tag, the first copied" "$(name_in plain)" NAME=one
copy two plain
expect "without a tag, the second copied" "$(name_in plain)" "more than one image"
copy one tagged:last && copy two tagged:last
expect "with a tag, both copied" "$(name_in tagged:last)" NAME=two
exit $changed
