#!/usr/bin/env bash
# A new network namespace has the kernel's own settings, or those of the namespace that it was made in, one would say.  Of IPv4 it has
# those of the machine's first namespace, whatever the one around it has; of IPv6 the kernel's own.  So a container on a machine that
# forwards IPv4 (Docker sees to that) forwards, too.  net.core.devconf_inherit_init_net=3 copies from the namespace around it.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a network namespace is made as root"
deb util-linux=2.38.1-5+deb12u3
echo "Linux $(uname -r | cut -d. -f1,2)"
new="deb/usr/bin/unshare --net"
$new true 2>said || untried "no network namespace: $(tail -1 said)"
[ "$(cat /proc/sys/net/core/devconf_inherit_init_net)" = 0 ] || untried "net.core.devconf_inherit_init_net is not 0 here"
below() { # FILE VALUE: the file in a namespace that is made in one where it has VALUE
  $new sh -euc 'echo "$2" >"/proc/sys/net/$1"; exec $3 cat "/proc/sys/net/$1"' sh "$1" "$2" "$new"
}
for file in ipv4/ip_forward ipv4/conf/all/log_martians ipv4/conf/default/log_martians; do
  for value in 0 1; do
    expect "$file, made where it is $value, as one made here" \
      "$([ "$(below $file $value)" = "$($new cat /proc/sys/net/$file)" ] && echo yes)" yes
  done
done
expect "ipv6/conf/all/forwarding, made where it is 1" "$(below ipv6/conf/all/forwarding 1)" 0
expect "ipv6/conf/default/dad_transmits, made where it is 5" "$(below ipv6/conf/default/dad_transmits 5)" 1
# The number of the machine's first network namespace is a fixed one since Linux 6.18.
if [ "$(readlink /proc/self/ns/net)" = "net:[4026531833]" ]; then
  expect "ipv4/ip_forward, made in the machine's first, as there" \
    "$([ "$($new cat /proc/sys/net/ipv4/ip_forward)" = "$(cat /proc/sys/net/ipv4/ip_forward)" ] && echo yes)" yes
fi
exit $changed
