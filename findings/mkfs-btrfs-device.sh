#!/usr/bin/env bash
# `mkfs.btrfs --rootdir` makes a file system of a tree.  Of a device node it writes the type and leaves out the number:
# /dev/null of the tree is the device 0, 0 in the file system, which no driver has.  Nothing is said.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a device node is made, and an image mounted, as root here"
deb btrfs-progs=6.2-1+deb12u2 liblzo2-2=2.10-2
mkfs.btrfs() { "$here/deb/sbin/mkfs.btrfs" "$@"; }
mkfs.btrfs --version
mkdir tree mounted && mknod tree/null c 1 3 && chmod 666 tree/null && truncate -s 150M image
mkfs.btrfs -q --rootdir tree image >/dev/null 2>said || untried "mkfs.btrfs made no image: $(cat said)"
expect "lines on standard error about it" "$(grep -ci -e node -e "device file" said || true)" 0
inside='mount -o loop,ro image mounted && stat -c "%F, %a, %t, %T" mounted/null'
unshare --mount sh -c "$inside" >seen 2>said || untried "no image can be mounted here: $(cat said)"
expect "the tree's node" "$(stat -c '%F, %a, %t, %T' tree/null)" "character special file, 666, 1, 3"
expect "the image's node" "$(cat seen)" "character special file, 666, 0, 0"
exit $changed
