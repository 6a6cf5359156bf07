#!/usr/bin/env bash
# `lxc-start --foreground` ends with 0 whatever number the container's first process has ended with: it hands the status
# on as wait(2) has it, 3 being 768, of which exit(3) keeps the lowest byte.  `lxc-execute` on the same tree ends with 3.
# Root; no network is made.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "LXC makes such a container for root"
deb lxc=1:5.0.2-1+deb12u4 liblxc1=1:5.0.2-1+deb12u4 busybox-static=1:1.35.0-4+deb12u1+b1
mkdir -p root/bin root/proc root/sys root/dev mount path
cp deb/bin/busybox root/bin/sh
cat >box.conf <<END
lxc.rootfs.path = dir:$here/root
lxc.rootfs.mount = $here/mount
lxc.net.0.type = empty
lxc.console.path = none
lxc.tty.max = 0
lxc.init.cmd = /init
END
lxc-start --version
# LXC leaves an empty group of its own in each tree.
pivots() { find /sys/fs/cgroup -maxdepth 2 -type d -name lxc.pivot | sort; }
before=$(pivots)
for number in 0 3 255; do
  printf '#!/bin/sh\nexit %d\n' $number >root/init
  chmod 755 root/init
  seen=$(lxc-start -P "$here/path" -n "finding-$$" -f box.conf --foreground >&2 && echo 0 || echo $?)
  expect "first process ends with $number, lxc-start --foreground" "$seen" 0
done
rm -rf "/run/lxc/lock$here"
comm -13 <(echo "$before") <(pivots) | xargs -r rmdir
exit $changed
