#!/usr/bin/env bash
# A cpio archive (newc, as an initramfs is) can hold a UNIX socket's node.  GNU cpio makes a socket of it again; bsdcpio makes
# an empty regular file with its mode, and nothing is said.
. "$(dirname "$0")/lib.sh"
deb libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 cpio=2.13+dfsg-7.1
bsdcpio --version; "$here/deb/bin/cpio" --version | head -1
mkdir tree one other
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("tree/s")'
(cd tree && echo s | "$here/deb/bin/cpio" --quiet -o -H newc) >archive
(cd one && "$here/deb/bin/cpio" --quiet -i <../archive)
(cd other && bsdcpio --quiet -i <../archive) >said 2>&1
expect "with GNU cpio" "$(stat -c %F one/s)" socket
expect "with bsdcpio" "$(stat -c %F other/s)" "regular empty file"
expect "lines that bsdcpio said" "$(wc -l <said)" 0
exit $changed
