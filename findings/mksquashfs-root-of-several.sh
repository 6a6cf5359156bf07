#!/usr/bin/env bash
# `mksquashfs etc usr image` makes an image of several directories, whose own directory, the image's root, is in none of them.  mksquashfs
# makes it 0777, and unsquashfs a directory of that mode of it, in which everybody may rename `etc` and put another one there.  So does
# sqfstar of an archive, also of one that has the root with a mode and an owner.  tar2sqfs takes these, and without them 0755.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "owners are set as root here"
deb squashfs-tools=1:4.5.1-1 squashfs-tools-ng=1.2.0-1 libsquashfs1=1.2.0-1 liblzo2-2=2.10-2 tar=1.34+dfsg-1.2+deb12u1
export LD_LIBRARY_PATH="$here/deb/lib/x86_64-linux-gnu:$LD_LIBRARY_PATH"
mksquashfs -version | head -1
tar2sqfs --version | head -1
umask 022
mkdir -p tree/etc tree/usr && echo content >tree/etc/file && chmod 750 tree && chown 1000:1001 tree
tar -cf without.tar -C tree etc usr
tar -cf with.tar -C tree .
root() { unsquashfs -lln "$1" | awk '$NF == "squashfs-root" { print $1, $2 }'; }
mksquashfs tree one -no-progress >/dev/null
mksquashfs tree/etc tree/usr several -no-progress >/dev/null
sqfstar star-without -no-progress <without.tar >/dev/null
sqfstar star-with -no-progress <with.tar >/dev/null 2>&1
tar2sqfs --quiet tar-without <without.tar
tar2sqfs --quiet tar-with <with.tar
expect "mksquashfs tree" "$(root one)" "drwxr-x--- 1000/1001"
expect "mksquashfs tree/etc tree/usr" "$(root several)" "drwxrwxrwx 0/0"
expect "sqfstar, the archive has no root" "$(root star-without)" "drwxrwxrwx 0/0"
expect "sqfstar, it has one" "$(root star-with)" "drwxrwxrwx 0/0"
expect "tar2sqfs, the archive has no root" "$(root tar-without)" "drwxr-xr-x 0/0"
expect "tar2sqfs, it has one" "$(root tar-with)" "drwxr-x--- 1000/1001"
unsquashfs -quiet -no-progress -dest out-one one >/dev/null && unsquashfs -quiet -no-progress -dest out-several several >/dev/null
expect "unpacked, of one directory" "$(stat -c '%a %u:%g' out-one)" "750 1000:1001"
expect "unpacked, of two" "$(stat -c '%a %u:%g' out-several)" "777 0:0"
exit $changed
