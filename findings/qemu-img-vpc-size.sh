#!/usr/bin/env bash
# A disk that is converted is as big as before: so are qcow2, VMDK, VDI and VHDX.  In vpc (VHD) it has become bigger, up
# to the next number of cylinders, heads and sectors, and stays so when it is converted back: what a partition table
# keeps at the end of the disk is then no longer at its end.  The disk that comes back has zeros there.
. "$(dirname "$0")/lib.sh"
deb qemu-utils=1:7.2+dfsg-7+deb12u18+b3
qemu-img --version >/dev/null 2>&1 || untried "qemu-img wants libraries that are not here"
qemu-img --version | head -1
size() { stat -c %s "$1"; }
for bytes in 10485760 1073741824; do
  rm -f disk.raw && truncate -s "$bytes" disk.raw
  for format in qcow2 vmdk vdi vhdx vpc; do
    rm -f there back
    qemu-img convert -f raw -O $format disk.raw there
    qemu-img convert -f $format -O raw there back
    wanted=0
    case $format-$bytes in vpc-10485760) wanted=28672 ;; vpc-1073741824) wanted=253952 ;; esac
    expect "$format, $bytes bytes: more than before" "$(($(size back) - bytes))" "$wanted"
  done
done
exit $changed
