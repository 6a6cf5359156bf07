#!/usr/bin/env bash
# tc(8) limits a link: `rate 1mbit` is a million bits in a second, and `tc qdisc` shows `1Mbit`.  `tc -j qdisc` shows the rate as
# 125000, bytes in a second, and no unit beside it: a program that reads it back and sets it has an eighth.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a network namespace is made as root"
deb iproute2=6.1.0-3
tc -V
unshare --net sh -euc '
  limit() { tc qdisc replace dev lo root tbf rate "$1" burst 10kb latency 50ms; }
  limit 1mbit && tc qdisc show dev lo >text && tc -j qdisc show dev lo >json
  rate=$(grep -o "\"rate\":[0-9]*" json | cut -d: -f2)
  limit "$rate" && tc qdisc show dev lo >again
' 2>said || untried "no network namespace, or no token bucket in the kernel: $(tail -1 said)"
rate_in() { grep -o -E '"?rate"?[: ][0-9A-Za-z]+' "$1"; }
expect "tc qdisc" "$(rate_in text)" "rate 1Mbit"
expect "tc -j qdisc" "$(rate_in json)" '"rate":125000'
expect "tc qdisc, that number set" "$(rate_in again)" "rate 125Kbit"
exit $changed
