#!/usr/bin/env bash
# An owner above 2097151 does not fit into an archive's header, and the pax format, which POSIX has and which Go's tools write an image's
# layers in, tells it beside the header.  GNU tar and bsdtar read it there.  BusyBox's tar reads the header alone, where 0 stands: the
# file of a user of a container's own range (1000000 and more with Incus) is root's, and nothing is said.  Of GNU's format it reads it.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "owners are set as root here"
deb busybox=1:1.35.0-4+deb12u1+b1 tar=1.34+dfsg-1.2+deb12u1 libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 \
  umoci=0.4.7+ds-3+b7
busybox=$(type -P busybox)
"$busybox" | head -1
tar --version | head -1
bsdtar --version || untried "bsdtar wants libraries that are not here"
mkdir tree && echo content >tree/file && chown 3000000:3000001 tree/file && touch -d 2001-02-03 tree/file
tar --format=pax -cf pax.tar -C tree file
tar --format=gnu -cf gnu.tar -C tree file
umoci init --layout image && umoci new --image image:one && umoci unpack --image image:one bundle >/dev/null 2>&1
cp -p tree/file bundle/rootfs/ && umoci repack --image image:one bundle >/dev/null 2>&1
for blob in image/blobs/sha256/*; do gzip -dc "$blob" >umoci.tar 2>/dev/null && break; done
owner() { # ARCHIVE READER ...: the file's owner and group, extracted
  rm -rf into && mkdir into && "${@:2}" -xf "$1.tar" -C into 2>said && stat -c %u:%g into/file
}
for archive in gnu pax umoci; do
  expect "$archive.tar, GNU tar" "$(owner $archive tar)" 3000000:3000001
  expect "$archive.tar, bsdtar" "$(owner $archive bsdtar)" 3000000:3000001
  wanted=0:0
  [ $archive != gnu ] || wanted=3000000:3000001
  expect "$archive.tar, BusyBox" "$(owner $archive "$busybox" tar)" $wanted
  expect "$archive.tar, BusyBox, said" "$(cat said)" ""
done
exit $changed
