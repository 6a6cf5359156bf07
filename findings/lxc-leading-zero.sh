#!/usr/bin/env bash
# `lxc.init.uid = 0100` and `lxc.idmap = u 0 0100 65536` are read as C does, octal: the container's program is user 64, and its root
# is user 64 of the host.  In the same file `lxc.prlimit.core = 0100` is decimal, 100.
. "$(dirname "$0")/lib.sh"
deb lxc=1:5.0.2-1+deb12u4 liblxc1=1:5.0.2-1+deb12u4
mkdir -p path/one
cat >path/one/config <<'END'
lxc.rootfs.path = dir:/
lxc.init.uid = 0100
lxc.prlimit.core = 0100
lxc.idmap = u 0 0100 65536
END
echo "LXC $(lxc-info --version)"
# With a /run of its own, in which lxc-info makes a lock and leaves it.
value_of() {
  unshare --map-root-user --mount sh -c 'mount -t tmpfs tmpfs /run && exec "$@"' sh lxc-info -P path -n one -c "$1" |
    sed 's/^[^=]* = //'
}
expect "lxc.init.uid = 0100" "$(value_of lxc.init.uid)" 64
expect "lxc.prlimit.core = 0100" "$(value_of lxc.prlimit.core)" 100
expect "lxc.idmap = u 0 0100 65536" "$(value_of lxc.idmap)" "u 0 64 65536"
exit $changed
