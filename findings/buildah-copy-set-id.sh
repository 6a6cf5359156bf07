#!/usr/bin/env bash
# `buildah copy` and a Containerfile's COPY put a file of the context into an image.  The first keeps its set-user-ID and
# set-group-ID bits, the second takes them away and says nothing.  ADD does as COPY with a file, and keeps the bits of what it
# unpacks from an archive.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "buildah runs as root here"
deb buildah=1.28.2+ds1-3+deb12u1+b3
buildah --version || untried "buildah wants libraries that are not here"
mkdir context && touch context/ping && chmod 6755 context/ping
tar -cf context/tree.tar -C context ping
printf 'FROM scratch\nCOPY ping /copied\nADD ping /added\nADD tree.tar /\n' >Containerfile
export here
apart sh -euc '
  buildah="buildah --storage-driver vfs --root $here/store --runroot $here/run"
  one=$($buildah from scratch)
  $buildah copy --quiet "$one" context/ping /command >/dev/null
  $buildah build --quiet --tag built --file Containerfile context >/dev/null
  other=$($buildah from --pull=never localhost/built)
  for tree in $($buildah mount "$one") $($buildah mount "$other"); do (cd "$tree" && stat -c "%n %a" *); done
' >seen 2>said || untried "buildah does not build here: $(tail -1 said)"
mode_of() { sed -n "s/^$1 //p" seen; }
expect "buildah copy ping" "$(mode_of command)" 6755
expect "COPY ping" "$(mode_of copied)" 755
expect "ADD ping" "$(mode_of added)" 755
expect "ADD tree.tar" "$(mode_of ping)" 6755
exit $changed
