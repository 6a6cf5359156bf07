#!/usr/bin/env bash
# `du -x` stays on one file system.  Of an overlay whose layers are on two file systems, as that of a live system or of
# `systemd-nspawn --volatile=overlay` is, it counts the directories alone: a file there has the device number of a layer, which is not
# the overlay's.  `find -xdev`, `cp -x` and `tar --one-file-system` have the files.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "mounts are made as root, in a mount namespace of their own"
deb coreutils=9.1-1 findutils=4.9.0-4 tar=1.34+dfsg-1.2+deb12u1
mkdir lower upper tree
deb/usr/bin/du --version | head -1
# xino=off is what the kernel has unless it was built or told otherwise.
unshare --mount sh -euc '
  mount -t tmpfs tmpfs lower && mount -t tmpfs tmpfs upper && mkdir upper/upper upper/work
  echo old >lower/old
  mount -t overlay -o lowerdir=lower,upperdir=upper/upper,workdir=upper/work,xino=off overlay tree
  echo new >tree/new
  deb/usr/bin/du -a tree | cut -f2 >du
  deb/usr/bin/du -ax tree | cut -f2 >du-x
  deb/usr/bin/find tree -xdev >find
  deb/bin/tar --one-file-system -cf - tree | deb/bin/tar -tf - >tar
' 2>said || untried "no overlay of two file systems here: $(tail -1 said)"
names() { sort "$1" | tr '\n' ' '; }
expect "du -a" "$(names du)" "tree tree/new tree/old "
expect "du -a -x" "$(names du-x)" "tree "
expect "find -xdev" "$(names find)" "tree tree/new tree/old "
expect "tar --one-file-system" "$(names tar)" "tree/ tree/new tree/old "
exit $changed
