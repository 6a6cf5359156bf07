#!/usr/bin/env bash
# A line of LXC's configuration that begins with `#` is a comment.  A `#` behind a value is none, as the manual does not say: the
# value goes on to the end of the line, and the container's host name is "web # of the shop".
. "$(dirname "$0")/lib.sh"
deb lxc=1:5.0.2-1+deb12u4 liblxc1=1:5.0.2-1+deb12u4
mkdir -p path/one
cat >path/one/config <<'END'
lxc.rootfs.path = dir:/
# a comment
lxc.uts.name = web # of the shop
lxc.environment = LANG=C # the language
END
echo "LXC $(lxc-info --version)"
# With a /run of its own, in which lxc-info makes a lock and leaves it.
value_of() {
  unshare --map-root-user --mount sh -c 'mount -t tmpfs tmpfs /run && exec "$@"' sh lxc-info -P path -n one -c "$1" |
    sed 's/^[^=]* = //'
}
expect "lxc.uts.name" "$(value_of lxc.uts.name)" "web # of the shop"
expect "lxc.environment" "$(value_of lxc.environment)" "LANG=C # the language"
exit $changed
