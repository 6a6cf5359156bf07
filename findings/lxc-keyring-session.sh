#!/usr/bin/env bash
# `lxc.keyring.session = 1` gives a container a new session keyring, which is the default, too, says the manual
# (lxc.container.conf(5)), and 0 leaves it its caller's.  LXC reads it the other way round: with 1 the container has its caller's
# keyring, and with 0 a new one.  So whoever writes the default down has another one.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "LXC makes such a container for root"
deb lxc=1:5.0.2-1+deb12u4 liblxc1=1:5.0.2-1+deb12u4 busybox-static=1:1.35.0-4+deb12u1+b1
mkdir -p root/bin root/proc root/sys root/dev mount path
cp deb/bin/busybox root/bin/sh
cat >box.conf <<END_OF_FILE
lxc.rootfs.path = dir:$here/root
lxc.rootfs.mount = $here/mount
lxc.net.0.type = empty
lxc.console.path = none
lxc.tty.max = 0
lxc.mount.auto = proc:mixed
lxc.init.cmd = /init
END_OF_FILE
# /proc/keys lists this key to who has it in a keyring, and to nobody else.
cat >with_key.py <<'PYTHON'
import ctypes, os, sys
JOIN_SESSION_KEYRING, SETPERM, SESSION, POSSESSOR_ALL = 1, 5, -3, 0x3F000000
call = ctypes.CDLL(None, use_errno=True).syscall
NAME = sys.argv[1].encode()
if call(250, JOIN_SESSION_KEYRING, NAME) < 0 or (key := call(248, b"user", NAME + b"-key", b"1", ctypes.c_size_t(1), SESSION)) < 0:
    sys.exit("no session keyring: " + os.strerror(ctypes.get_errno()))
if call(250, SETPERM, key, POSSESSOR_ALL) < 0:
    sys.exit("no permissions of a key: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[2], sys.argv[2:])
PYTHON
name=finding-$$
printf '#!/bin/sh\nwhile read -r line; do case $line in *%s-key*) exit 0 ;; esac; done </proc/keys\nexit 1\n' "$name" >root/init
chmod 755 root/init
python3 with_key.py "$name" true 2>said || untried "$(cat said)"
with_key=(python3 with_key.py "$name")
lxc-start --version
# LXC leaves an empty group of its own in each tree, and a lock.
pivots() { find /sys/fs/cgroup -maxdepth 2 -type d -name lxc.pivot | sort; }
before=$(pivots)
keyring() { # LINE: whose session keyring the container's program has
  { cat box.conf && echo "$1"; } >one.conf
  "${with_key[@]}" lxc-execute -P "$here/path" -n "$name" -f one.conf -- /init >said 2>&1 && echo "its caller's" || echo "a new one"
}
expect "this script's own shell below the key" "$("${with_key[@]}" grep -q "$name-key" /proc/keys && echo "its caller's")" "its caller's"
expect "without lxc.keyring.session" "$(keyring '')" "a new one"
expect "lxc.keyring.session = 1" "$(keyring 'lxc.keyring.session = 1')" "its caller's"
expect "lxc.keyring.session = 0" "$(keyring 'lxc.keyring.session = 0')" "a new one"
rm -rf "/run/lxc/lock$here" && rmdir -p --ignore-fail-on-non-empty "/run/lxc/lock$(dirname "$here")"
comm -13 <(echo "$before") <(pivots) | xargs -r rmdir
exit $changed
