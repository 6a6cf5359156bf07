#!/usr/bin/env bash
# An address may have a label (`ip addr add ... label lo:blue`), which is no interface.  psutil's net_if_addrs() lists it as one,
# with that address, and the interface without it; net_if_stats() and net_io_counters() do not know the name.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "an interface is changed as root, in a network namespace of its own"
deb iproute2=6.1.0-3 libbpf1=1:1.1.2-0+deb12u1
python_packages psutil==7.2.2
echo "psutil 7.2.2"
cat >ask.py <<'END'
import psutil
addresses, state = psutil.net_if_addrs(), psutil.net_if_stats()
print(*(f"{name}: {one.address}" for name, some in addresses.items() for one in some if one.address.startswith("10.")))
print(*sorted(addresses)); print(*sorted(state))
END
ip="$here/deb/bin/ip"; [ -x "$ip" ] || ip="$here/deb/sbin/ip"
unshare --net sh -c "'$ip' link set lo up && '$ip' addr add 10.9.0.1/24 dev lo label lo:blue && venv/bin/python ask.py" \
  >seen 2>said || untried "no network namespace: $(cat said)"
expect "the address" "$(sed -n 1p seen)" "lo:blue: 10.9.0.1"
expect "interfaces of net_if_addrs()" "$(sed -n 2p seen)" "lo lo:blue"
expect "interfaces of net_if_stats()" "$(sed -n 3p seen)" lo
exit $changed
