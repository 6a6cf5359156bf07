#!/usr/bin/env bash
# ext2 keeps an owner's number in two halves of 16 bits.  genext2fs writes the lower half alone: a root file system of a user
# namespace, with owners from 100000 upwards, gets owners from 34464 upwards, and nothing is said.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a file is given away as root here"
deb genext2fs=1.5.0-3 e2fsprogs=1.47.0-2+b2 libext2fs2=1.47.0-2+b2 libcom-err2=1.47.0-2+b2 libss2=1.47.0-2+b2
export LD_LIBRARY_PATH="$here/deb/lib/x86_64-linux-gnu:$LD_LIBRARY_PATH"
genext2fs --version
mkdir tree && touch tree/file && chown 100000:100000 tree/file
genext2fs -b 1024 -d tree by-genext2fs >said 2>&1
mke2fs -q -t ext2 -d tree by-mke2fs 1M >>said 2>&1
expect "owners too large, of which it spoke" "$(grep -c -i -E 'uid|owner|large' said || true)" 0
owner() { debugfs -R "stat /file" "$1" 2>/dev/null | sed -n 's/^User: *\([0-9]*\) .*/\1/p'; }
expect "owner by mke2fs -d" "$(owner by-mke2fs)" 100000
expect "owner by genext2fs -d" "$(owner by-genext2fs)" 34464
exit $changed
