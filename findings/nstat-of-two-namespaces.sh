#!/usr/bin/env bash
# nstat(8) shows the counters of its network namespace since its last call.  What it saw then is in a file of the user's, whatever the
# namespace: the first call in a new namespace shows what is above the counters of another one.  `nstat --ignore` shows all.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a network namespace is made as root"
deb iproute2=6.1.0-3
nstat -V
cat >send.py <<'PYTHON'
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("127.0.0.1", 0))
for _ in range(int(sys.argv[1])):
    one.sendto(b"x", one.getsockname())
    one.recv(9)
PYTHON
export NSTAT_HISTORY=$here/history
after() { # COUNT ARG ...: datagrams that nstat, called with these arguments, tells in a new namespace after COUNT of them
  unshare --net sh -euc 'ip link set lo up; python3 send.py "$1"; shift; nstat "$@"' sh "$@" 2>said >seen ||
    untried "no network namespace: $(tail -1 said)"
  awk '$1 == "UdpOutDatagrams" { print $2 }' seen
}
expect "first namespace, 100 sent" "$(after 100)" 100
expect "second namespace, 130 sent" "$(after 130)" 30
expect "third namespace, 130 sent, --ignore" "$(after 130 --ignore)" 130
exit $changed
