#!/usr/bin/env bash
# pyroute2 limits a link as tc(8) does, and takes a number or a text: rate="1000000" is a million bits in a second, as it is with tc.
# rate=1000000 is a million bytes, eight times as much.  latency="50" is 50 ms, and latency=50 is 50 microseconds.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a network namespace is made as root"
deb iproute2=6.1.0-3
python_packages pyroute2==0.9.7
echo "pyroute2 0.9.7, $(tc -V)"
cat >limit.py <<'END'
import sys
from pyroute2 import IPRoute
with IPRoute() as ip:
    ip.tc("replace", "tbf", ip.link_lookup(ifname="lo")[0], 0x10000, burst=10240, **eval(sys.argv[1]))
END
limited() { # ARGUMENTS: what tc says of a link that pyroute2 has limited so
  unshare --net sh -c 'venv/bin/python limit.py "$1" && tc qdisc show dev lo' sh "$1" 2>said >seen ||
    untried "no network namespace, or no token bucket in the kernel: $(tail -1 said)"
  grep -o 'rate [^ ]*\|lat [^ ]*' seen | tr '\n' ' '
}
expect "rate='1000000', latency='50ms'" "$(limited 'dict(rate="1000000", latency="50ms")')" "rate 1Mbit lat 50ms "
expect "rate=1000000, latency='50ms'" "$(limited 'dict(rate=1000000, latency="50ms")')" "rate 8Mbit lat 50ms "
expect "rate='1mbit', latency='50'" "$(limited 'dict(rate="1mbit", latency="50")')" "rate 1Mbit lat 50ms "
expect "rate='1mbit', latency=50" "$(limited 'dict(rate="1mbit", latency=50)')" "rate 1Mbit lat 48us "
exit $changed
