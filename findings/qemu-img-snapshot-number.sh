#!/usr/bin/env bash
# qemu-img's three ways to name an internal snapshot look a number up in different orders.  An image may have a snapshot
# with the tag "2" and the id 1, and one with the tag "1" and the id 2.  `-a 1` goes by the id, `-d 1` by the tag.
. "$(dirname "$0")/lib.sh"
deb qemu-utils=1:7.2+dfsg-7+deb12u18+b3
for program in qemu-img qemu-io; do
  "$program" --version >/dev/null 2>&1 || untried "$program wants libraries that are not here: $(ldd "$(command -v $program)" | grep 'not found')"
done
qemu-img --version | head -1
fill() { qemu-io -f qcow2 -c "write -q -P $1 0 64k" image.qcow2; }
first() { qemu-img convert "$@" -O raw out.raw && od -An -tx1 -N1 out.raw | tr -d ' '; }
qemu-img create -q -f qcow2 image.qcow2 1M
fill 0xaa && qemu-img snapshot -c 2 image.qcow2 # gets the id 1
fill 0xbb && qemu-img snapshot -c 1 image.qcow2 # gets the id 2
fill 0xcc
cp image.qcow2 applied.qcow2 && qemu-img snapshot -a 1 applied.qcow2
expect "snapshot -a 1 brings back" "$(first applied.qcow2)" aa
expect "convert -l 1 reads" "$(first -l 1 image.qcow2)" aa
cp image.qcow2 deleted.qcow2 && qemu-img snapshot -d 1 deleted.qcow2
expect "snapshot -d 1 leaves the ids" "$(qemu-img snapshot -l deleted.qcow2 | awk 'NR > 2 { print $1 }' | paste -sd,)" 1
exit $changed
