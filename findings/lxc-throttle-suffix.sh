#!/usr/bin/env bash
# `lxc.cgroup.memory.limit_in_bytes = 1m` is a mebibyte, and `lxc.cgroup.blkio.throttle.read_bps_device = 7:0 1m` a mebibyte in a
# second, one would say.  LXC hands each text to the kernel, which knows units of memory and none of throttling: it takes the digits
# and leaves the rest, no error.  The container has one byte in a second.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "LXC makes such a container for root"
deb lxc=1:5.0.2-1+deb12u4 liblxc1=1:5.0.2-1+deb12u4 busybox-static=1:1.35.0-4+deb12u1+b1
[ -f /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device ] || untried "the blkio controller is not one of control groups v1 here"
device=$(cat /sys/block/loop0/dev 2>/dev/null) || untried "this kernel has no loop0, which nobody here reads from"
mkdir -p root/bin root/proc root/sys root/dev mount path
cp deb/bin/busybox root/bin/ && ln -s busybox root/bin/sh && ln -s busybox root/bin/sleep
printf '#!/bin/sh\nsleep 60\n' >root/init && chmod 755 root/init
cat >box.conf <<END
lxc.rootfs.path = dir:$here/root
lxc.rootfs.mount = $here/mount
lxc.net.0.type = empty
lxc.console.path = none
lxc.tty.max = 0
lxc.init.cmd = /init
lxc.cgroup.memory.limit_in_bytes = 32m
lxc.cgroup.blkio.throttle.read_bps_device = $device 1m
END
name=finding-$$
lxc-start --version
# LXC leaves an empty group of its own in each tree, and a lock.
pivots() { find /sys/fs/cgroup -maxdepth 2 -type d -name lxc.pivot | sort; }
before=$(pivots)
lxc-start -P "$here/path" -n $name -f box.conf >said 2>&1 || untried "LXC starts nothing here: $(tail -1 said)"
seen() { lxc-cgroup -P "$here/path" -n $name "$1" 2>&1 || true; }
memory=$(seen memory.limit_in_bytes)
throttle=$(seen blkio.throttle.read_bps_device)
lxc-stop -P "$here/path" -n $name --kill
rm -rf "/run/lxc/lock$here" && rmdir -p --ignore-fail-on-non-empty "/run/lxc/lock$(dirname "$here")"
comm -13 <(echo "$before") <(pivots) | xargs -r rmdir
expect "memory.limit_in_bytes = 32m" "$memory" 33554432
expect "blkio.throttle.read_bps_device = DEVICE 1m" "$throttle" "$device 1"
expect "lines that LXC said" "$(wc -l <said)" 0
# And without LXC.
group=/sys/fs/cgroup/blkio/$name
mkdir "$group" && echo "$device 1m" >"$group/blkio.throttle.read_bps_device"
seen=$(cat "$group/blkio.throttle.read_bps_device")
rmdir "$group"
expect "the kernel, DEVICE 1m" "$seen" "$device 1"
exit $changed
