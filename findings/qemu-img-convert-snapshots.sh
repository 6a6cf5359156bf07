#!/usr/bin/env bash
# A qcow2 image holds its internal snapshots: copied as a file it has them all.  `qemu-img convert` from qcow2 to qcow2
# writes the current state alone, and bitmaps only if asked; the snapshots are left out, nothing is said, and it ends
# with 0.  `qemu-img amend` keeps them.
. "$(dirname "$0")/lib.sh"
deb qemu-utils=1:7.2+dfsg-7+deb12u18+b3
qemu-img --version >/dev/null 2>&1 || untried "qemu-img wants libraries that are not here"
qemu-img --version | head -1
snapshots() { qemu-img snapshot -l "$1" | awk 'NR > 2 { print $2 }' | paste -sd,; }
qemu-img create -q -f qcow2 disk.qcow2 1M
qemu-img snapshot -c clean disk.qcow2 && qemu-img snapshot -c installed disk.qcow2
cp disk.qcow2 copied.qcow2
said=$(qemu-img convert -f qcow2 -O qcow2 disk.qcow2 converted.qcow2 2>&1) && status=0 || status=$?
expect "copied" "$(snapshots copied.qcow2)" clean,installed
expect "converted" "$(snapshots converted.qcow2)" ""
expect "status and what was said" "$status $said" "0 "
expect "qemu-img compare" "$(qemu-img compare disk.qcow2 converted.qcow2)" "Images are identical."
qemu-img amend -f qcow2 -o lazy_refcounts=on disk.qcow2
expect "amended" "$(snapshots disk.qcow2)" clean,installed
exit $changed
