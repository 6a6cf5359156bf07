#!/usr/bin/env bash
# An address with a peer (`ip addr add 10.9.0.1 peer 10.9.0.2`) is the interface's first, and the peer is another machine.
# The kernel's message calls the peer the address.  pyroute2's NDB goes by that word: its summary of this machine's addresses
# has the peer's in place of its own.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "an interface is changed as root, in a network namespace of its own"
deb iproute2=6.1.0-3 libbpf1=1:1.1.2-0+deb12u1
python_packages pyroute2==0.9.7
echo "pyroute2 0.9.7"
cat >ask.py <<'END'
from pyroute2 import NDB
with NDB() as ndb:
    print(*(row.address for row in ndb.addresses.summary() if row.address.startswith("10.")))
END
ip="$here/deb/bin/ip"; [ -x "$ip" ] || ip="$here/deb/sbin/ip"
unshare --net sh -c "'$ip' link set lo up && '$ip' addr add 10.9.0.1 peer 10.9.0.2/32 dev lo && '$ip' -br -4 addr show dev lo &&
  venv/bin/python ask.py" >seen 2>said || untried "no network namespace: $(cat said)"
expect "ip -brief" "$(sed -n 's/.*\(10\.9\.0\.1 peer [0-9./]*\).*/\1/p' seen)" "10.9.0.1 peer 10.9.0.2/32"
expect "NDB's addresses" "$(sed -n 2p seen)" "10.9.0.2"
exit $changed
