#!/usr/bin/env bash
# A line of /etc/subuid begins with a login name or a number, and in a long file numbers are recommended (subuid(5)); newuidmap,
# getsubids and unshare take each.  LXC, whose manual promises "the full uid and gid ranges granted by /etc/subuid and /etc/subgid"
# (lxc-usernsexec(1)), knows the name alone: of a user whose line has the number it finds no allocation.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "other files are laid over /etc/subuid and /etc/subgid as root, in a mount namespace of its own"
[ -f /etc/subuid ] && [ -f /etc/subgid ] || untried "there is no /etc/subuid to lay a file over"
deb lxc=1:5.0.2-1+deb12u4 liblxc1=1:5.0.2-1+deb12u4 uidmap=1:4.13+dfsg1-1+deb12u2 libsubid4=1:4.13+dfsg1-1+deb12u2 \
  util-linux=2.38.1-5+deb12u3
unshare --version
with() { # LINE COMMAND ARG ...: the command where /etc/subuid and /etc/subgid have this line alone
  echo "$1" >subids
  unshare --mount sh -c 'mount --bind subids /etc/subuid && mount --bind subids /etc/subgid && shift && exec "$@"' sh "$@" 2>said
}
map() { with "$@" cat /proc/self/uid_map | xargs; }
with root:100000:65536 lxc-usernsexec -- true || untried "lxc-usernsexec starts nothing here: $(tail -1 said)"
for line in root:100000:65536 0:100000:65536; do
  expect "$line, getsubids" "$(with $line getsubids root)" "0: root 100000 65536"
  expect "$line, unshare with newuidmap" "$(map $line unshare --map-users=100000,0,65536)" "0 100000 65536"
  expect "$line, unshare with auto" "$(map $line unshare --map-users=auto)" "0 100000 65536"
done
expect "root:100000:65536, lxc-usernsexec" "$(map root:100000:65536 lxc-usernsexec --)" "0 100000 65536"
expect "0:100000:65536, lxc-usernsexec" "$(map 0:100000:65536 lxc-usernsexec --; cat said)" \
  "
Failed to find subuid or subgid allocation"
exit $changed
