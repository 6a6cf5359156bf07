#!/usr/bin/env bash
# `fsck.erofs --extract=DIRECTORY` takes an image's tree out again, with owners, modes, devices and FIFOs.  It leaves out every
# extended attribute, so a program loses its capability; and it makes a file of each name, so that two names of one file are two
# files.  It ends with 0 and says nothing of it.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "owners and capabilities are root's to set"
deb erofs-utils=1.5-1 libcap2-bin=1:2.66-4+deb12u3+b1
mkfs.erofs -V 2>&1 | head -1 || untried "mkfs.erofs wants libraries that are not here"
mkdir tree && echo content >tree/one && ln tree/one tree/two && chown 1000:1001 tree/one && chmod 750 tree/one
setcap cap_net_raw+ep tree/one 2>said || untried "no capability of a file here: $(cat said)"
mknod tree/null c 1 3 && mkfifo tree/fifo
mkfs.erofs image tree >said 2>&1 || untried "no image: $(tail -1 said)"
status=0
fsck.erofs --extract=out image >said 2>&1 || status=$?
expect "status" $status 0
expect "said" "$(grep -v -e 'No errors found' said || true)" ""
expect "owner and mode" "$(stat -c '%u:%g %a' out/one)" "1000:1001 750"
expect "kinds" "$(cd out && stat -c '%n %F %t,%T' null fifo | paste -sd';')" "null character special file 1,3;fifo fifo 0,0"
expect "capability, in the tree" "$(getcap tree/one | cut -d' ' -f2)" "cap_net_raw=ep"
expect "capability, in the image" "$(grep -a -c 'capability' image)" 1
expect "capability, extracted" "$(getcap out/one)" ""
expect "names of the file, in the tree" "$(stat -c %h tree/one)" 2
expect "names of the file, extracted" "$(stat -c %h out/one)" 1
exit $changed
