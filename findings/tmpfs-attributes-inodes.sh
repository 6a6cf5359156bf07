#!/usr/bin/env bash
# `nr_inodes=20` is twenty files of a tmpfs, and so it was.  Since Linux 6.6 a tmpfs has attributes `user.`, which count as an inode
# for each KiB and do not count as space: 15 KB of them on one file leave room for four more names, while df shows no used block.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a tmpfs is mounted as root, in a mount namespace of its own"
deb coreutils=9.1-1 util-linux=2.38.1-5+deb12u3
release=$(uname -r | cut -d. -f1,2)
echo "Linux $release"
printf '6.6\n%s\n' "$release" | sort -V -C || untried "this kernel is older than 6.6"
mkdir tree
cat >fill.py <<'PYTHON'
import os
open("tree/file", "w").close()
os.setxattr("tree/file", "user.note", bytes(15000))
made = 0
try:
    while made < 100:
        open(f"tree/{made}", "w").close()
        made += 1
except OSError as error:
    print(made, "more,", error.strerror)
PYTHON
deb/usr/bin/unshare --mount sh -euc '
  mount -t tmpfs -o nr_inodes=20,size=1m tmpfs tree
  : >tree/file
  deb/bin/df --output=iused tree | tail -1 >before
  python3 fill.py >made
  rm tree/[0-9]*
  deb/bin/df --output=iused,used tree | tail -1 >after
  rm tree/file
  deb/bin/df --output=iused tree | tail -1 >gone
' 2>said || untried "no tmpfs, or one without attributes: $(tail -1 said)"
columns() { xargs <"$1"; }
expect "inodes of the root and a file" "$(columns before)" 2
expect "with an attribute of 15000 bytes" "$(columns made)" "3 more, No space left on device"
expect "without those: inodes, blocks" "$(columns after)" "17 0"
expect "without the file" "$(columns gone)" 1
exit $changed
