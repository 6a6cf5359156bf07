#!/usr/bin/env bash
# In a container of another architecture QEMU is between the program and the kernel.  `ulimit -v 200000` ends with 0 there, and there is
# no limit afterwards: QEMU takes those of address space, data and stack, which would be its own, says that they are set, and sets none.
# Those of open files and core files it sets.  Here for a program of the machine's own architecture, which is no different.
. "$(dirname "$0")/lib.sh"
deb qemu-user-static=1:7.2+dfsg-7+deb12u18+b3 busybox-static=1:1.35.0-4+deb12u1+b1
qemu-x86_64-static --version | head -1
busybox=$here/deb/bin/busybox
limit() { # OPTION NUMBER COMMAND ...: the shell's limit once it has set it
  "${@:3}" "$busybox" sh -c "ulimit $1 $2 && ulimit $1"
}
for option in -v -d -s -n -c; do
  wanted="another one"
  case $option in -n | -c) wanted=64 ;; esac
  expect "ulimit $option 64, by itself" "$(limit $option 64)" 64
  seen=$(limit $option 64 qemu-x86_64-static) && [ "$seen" = 64 ] || seen="${seen:+another one}"
  expect "the same, below QEMU" "$seen" "$wanted"
done
# A list of 64 MiB, in a shell's variable that doubles.
fill='x=0123456789abcdef; n=0; while [ $n -lt 22 ]; do x=$x$x; n=$((n + 1)); done; echo ${#x}'
expect "a program of 64 MiB with ulimit -v 20000, by itself" "$("$busybox" sh -c "ulimit -v 20000; $fill" 2>/dev/null || echo ended)" ended
expect "the same, below QEMU" "$(qemu-x86_64-static "$busybox" sh -c "ulimit -v 20000; $fill" 2>/dev/null || echo ended)" 67108864
exit $changed
