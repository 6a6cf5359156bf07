#!/usr/bin/env bash
# psutil's net_if_addrs() has `broadcast` and, for a point-to-point interface, `ptp`.  An Ethernet interface whose address
# has a peer, as container engines give it, has no broadcast address; psutil calls the peer its broadcast, and `ptp` is None.  An
# address without broadcast and peer is its own broadcast.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "an interface is made as root, in a network namespace of its own"
deb iproute2=6.1.0-3 libbpf1=1:1.1.2-0+deb12u1
python_packages psutil==7.2.2
echo "psutil 7.2.2"
cat >ask.py <<'END'
import psutil
for one in psutil.net_if_addrs()["v0"]:
    if one.address.startswith("10."):
        print(one.address, "broadcast", one.broadcast, "ptp", one.ptp)
END
ip="$here/deb/bin/ip"; [ -x "$ip" ] || ip="$here/deb/sbin/ip"
unshare --net sh -c "'$ip' link add v0 type veth peer name v1 && '$ip' addr add 10.8.0.2 peer 10.8.0.9/32 dev v0 &&
  '$ip' addr add 10.7.0.1/24 dev v0 && '$ip' -o addr show v0 && venv/bin/python ask.py" >seen 2>said ||
  untried "no network namespace: $(cat said)"
expect "addresses with a broadcast, as ip shows them" "$(grep -c ' brd ' seen || true)" 0
expect "with a peer" "$(grep '^10.8.0.2' seen)" "10.8.0.2 broadcast 10.8.0.9 ptp None"
expect "without" "$(grep '^10.7.0.1' seen)" "10.7.0.1 broadcast 10.7.0.1 ptp None"
exit $changed
