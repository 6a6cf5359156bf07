#!/usr/bin/env bash
# `unshare --user` makes a user namespace, and programs that confine themselves begin with it.  In a container of another architecture QEMU
# runs them, and has a thread of its own in their process: a user namespace is for a process of one thread, so the call is EINVAL there,
# and all others (PID, network, mount) are made.   Here for a program of
# the machine's own architecture, which is no different.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "namespaces are made as root here"
deb qemu-user-static=1:7.2+dfsg-7+deb12u18+b3 busybox-static=1:1.35.0-4+deb12u1+b1
qemu-x86_64-static --version | head -1
busybox=$here/deb/bin/busybox
made() { "$@" true 2>said && echo made || grep -o 'Invalid argument' said; }
for kind in user net mount pid uts ipc; do
  option=--$kind
  [ $kind != pid ] || option="--pid --fork"
  expect "$kind namespace, by itself" "$(made "$busybox" unshare $option)" made
  wanted=made
  [ $kind != user ] || wanted="Invalid argument"
  expect "the same, below QEMU" "$(made qemu-x86_64-static "$busybox" unshare $option)" "$wanted"
done
expect "threads of a program, by itself" "$("$busybox" sh -c "exec $busybox ls /proc/self/task" | wc -l)" 1
expect "the same, below QEMU" "$(qemu-x86_64-static "$busybox" ls /proc/self/task | wc -l)" 2
exit $changed
