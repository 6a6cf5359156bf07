#!/usr/bin/env bash
# `ctr images mount` has an option `--snapshotter`, as `ctr images import` has.  That of containerd 1.6 does not heed it: the
# image that was imported for the snapshotter native is unpacked a second time, for overlayfs, and mounted from there.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "containerd runs as root"
deb containerd=1.6.20~ds1-1+deb12u3 umoci=0.4.7+ds-3+b7
containerd --version || untried "containerd wants libraries that are not here"
umoci init --layout image && umoci new --image image:one
mkdir tree
for name in one two; do
  echo $name >tree/$name && tar -cf layer.tar -C tree $name && umoci raw add-layer --image image:one layer.tar >/dev/null
done
tar -cf image.tar -C image .
printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >config.toml
mkdir root
# In a mount namespace, so that what is mounted ends with it.
here=$here unshare --mount sh -euc '
  containerd --config config.toml --address "$here/sock" --root "$here/store" --state "$here/state" 2>log &
  daemon=$!
  ctr="ctr --address $here/sock"
  for _ in $(seq 100); do $ctr version >/dev/null 2>&1 && break; sleep 0.1; done
  $ctr images import --snapshotter native --base-name it image.tar >/dev/null
  name=$($ctr images ls --quiet)
  ls store/io.containerd.snapshotter.v1.overlayfs/snapshots | wc -l >before
  $ctr images mount --snapshotter native "$name" "$here/root" >/dev/null
  stat --file-system --format=%T "$here/root" >mounted
  ls store/io.containerd.snapshotter.v1.overlayfs/snapshots | wc -l >after
  umount "$here/root"
  kill $daemon && wait $daemon || true
' || untried "containerd does not start here: $(tail -1 log)"
expect "snapshots of overlayfs after the import for native" "$(cat before)" 0
expect "mounted for native" "$(cat mounted)" overlayfs
expect "snapshots of overlayfs behind that" "$([ "$(cat after)" -gt 0 ] && echo some || echo none)" some
exit $changed
