#!/usr/bin/env bash
# An image's configuration has the digest of each layer's content (diff_ids), and to copy an image with another compression changes none.
# `skopeo copy --dest-compress-format zstd:chunked` leaves out what stands behind the archive's two zero blocks, as GNU tar fills up to
# 10 KiB, and keeps the digest: the copy is another content than its configuration says.  containerd refuses it, "wrong diff id"; buildah
# and skopeo say nothing.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "containerd and buildah run as root"
deb skopeo=1.9.3+ds1-1+b10 umoci=0.4.7+ds-3+b7 zstd=1.5.4+dfsg2-5 tar=1.34+dfsg-1.2+deb12u1 \
  containerd=1.6.20~ds1-1+deb12u3 buildah=1.28.2+ds1-3+deb12u1+b3
skopeo --version && containerd --version && buildah --version || untried "skopeo, containerd and buildah want libraries that are not here"
skopeo() { apart skopeo "$@"; }
buildah() { apart buildah "$@"; }
mkdir tree && seq 1000 >tree/file
for padding in 1 20; do
  tar --sort=name --blocking-factor=$padding -cf layer.tar -C tree . && umoci init --layout image-$padding
  umoci new --image image-$padding:it && umoci raw add-layer --image image-$padding:it layer.tar >/dev/null
  for format in zstd zstd:chunked; do
    copy=$padding-${format#*:}
    skopeo copy --insecure-policy --dest-compress-format $format oci:image-$padding:it oci:$copy:it >/dev/null 2>said ||
      untried "skopeo: $(tail -1 said)"
    tar -cf $copy.tar -C $copy .
  done
done
printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >config.toml
by_containerd() { # COPY: whether containerd unpacks it, of a store of its own, in a mount namespace, so that what is mounted ends with it
  rm -rf store state
  copy=$1 here=$here unshare --mount sh -euc '
    containerd --config config.toml --address "$here/sock" --root "$here/store" --state "$here/state" 2>log &
    daemon=$!
    ctr="ctr --address $here/sock"
    for _ in $(seq 100); do $ctr version >/dev/null 2>&1 && break; sleep 0.1; done
    $ctr version >/dev/null
    if $ctr images import --snapshotter native --base-name it $copy.tar >said 2>&1; then echo unpacked
    else grep -o "wrong diff id" said | head -1; fi
    kill $daemon && wait $daemon || true'
}
by_buildah() {
  buildah --storage-driver vfs --root "$here/$1-store" --runroot "$here/run" from --quiet "oci:$1:it" >/dev/null 2>said && echo unpacked
}
for padding in 1 20; do
  for format in zstd chunked; do
    wanted=unpacked
    [ $padding-$format != 20-chunked ] || wanted="wrong diff id"
    blocks="blocks of $((padding * 512)) bytes"
    expect "archive in $blocks, $format, containerd" "$(by_containerd $padding-$format)" "$wanted"
    expect "archive in $blocks, $format, buildah" "$(by_buildah $padding-$format)" unpacked
  done
done
exit $changed
