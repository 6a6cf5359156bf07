#!/usr/bin/env bash
# `nft -j list ruleset` is what `nft list ruleset` is, for programs, and `nft -j -f` takes it back.  Its timeouts are whole seconds,
# without what is behind them: 5.9 s is 5, and 0.9 s is 0, which means for ever.  An element that was to go in a moment stays.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a network namespace is made as root"
deb nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 libnftnl11=1.2.4-2 libjansson4=2.14-2
nft --version
# Once more where the machine was so slow that an element of the list had gone before it was listed.
unshare --net sh -euc '
  once() {
    nft "add table inet box; add set inet box seen { type inet_service; flags timeout; }"
    nft "add element inet box seen { 1 timeout 900ms, 2 timeout 5900ms, 3 timeout 1h }"
    nft -j list ruleset >saved && nft flush ruleset && nft -j -f saved && nft list ruleset >back
    grep -q "\"val\": 1," saved && grep -q "2 timeout" back
  }
  nft list ruleset
  for try in $(seq 20); do
    if once; then
      sleep 6 && nft list ruleset >later
      exit 0
    fi
    nft flush ruleset
  done
  echo "no element of 900 ms could be listed in time" >&2
  exit 1
' 2>said || untried "no network namespace, or no nftables in the kernel: $(tail -1 said)"
elements() { sed -n 's/.*elements = { \(.*\) }/\1/p' "$1" | sed 's/ expires [^,]*//g'; }
expect "in JSON" "$(grep -o '"val": [0-9]*, "timeout": [0-9]*' saved | tr -d '"' | tr '\n' ';')" \
  "val: 1, timeout: 0;val: 2, timeout: 5;val: 3, timeout: 3600;"
expect "read back" "$(elements back)" "1, 2 timeout 5s, 3 timeout 1h"
expect "six seconds later" "$(elements later)" "1, 3 timeout 1h"
exit $changed
