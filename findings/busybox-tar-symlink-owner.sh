#!/usr/bin/env bash
# As root, tar gives each entry its owner.  BusyBox's makes symbolic links last, when all else is unpacked, and leaves them
# with whoever unpacks.  Where /proc/sys/fs/protected_symlinks counts, as in /tmp, the owner of a link decides who may follow it.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "owners are set as root here"
deb busybox=1:1.35.0-4+deb12u1+b1 tar=1.34+dfsg-1.2+deb12u1
busybox="$here/deb/bin/busybox"; tar="$here/deb/bin/tar"
[ -x "$busybox" ] || busybox="$here/deb/usr/bin/busybox"
"$busybox" | head -1; "$tar" --version | head -1
mkdir tree one other && touch tree/file && ln -s file tree/link && chown -h 1000:1000 tree/file tree/link
"$tar" -cf tree.tar -C tree file link
"$tar" -xf tree.tar -C one
"$busybox" tar -xf tree.tar -C other
expect "file and link with GNU tar" "$(stat -c %u one/file one/link | paste -sd' ')" "1000 1000"
expect "file and link with BusyBox" "$(stat -c %u other/file other/link | paste -sd' ')" "1000 0"
exit $changed
