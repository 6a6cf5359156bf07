#!/usr/bin/env bash
# ext4 has 34 bits for a time, and a file system with inodes of 256 bytes, as mke2fs makes it, ends in 2446.  `mke2fs -d`
# copies a tree with the 32 low bits alone: a file of 2040 is one of 1903 in the image, and nothing is said.  So an image's
# newest file is its oldest.  The kernel writes 2040 into the same file system.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "an image is mounted as root here"
deb e2fsprogs=1.47.0-2+b2 libext2fs2=1.47.0-2+b2 libcom-err2=1.47.0-2+b2 libss2=1.47.0-2+b2
export LD_LIBRARY_PATH="$here/deb/lib/x86_64-linux-gnu:$LD_LIBRARY_PATH"
mke2fs -V 2>&1 | head -1
mkdir tree mounted && touch -d '2040-01-01 UTC' tree/copied
mke2fs -q -t ext4 -I 256 -d tree image 8M 2>said || untried "mke2fs made no image: $(cat said)"
expect "lines on standard error" "$(grep -vc '^$' said || true)" 0
inside='mount -o loop image mounted && cd mounted && touch -d "2040-01-01 UTC" written && TZ=UTC stat -c %y copied written'
unshare --mount sh -c "$inside" >seen 2>said || untried "no image can be mounted here: $(cat said)"
expect "the file that mke2fs copied" "$(sed -n 1p seen | cut -d' ' -f1)" 1903-11-25
expect "the file that the kernel wrote" "$(sed -n 2p seen | cut -d' ' -f1)" 2040-01-01
exit $changed
