#!/usr/bin/env bash
# `nft -j list ruleset` is what `nft list ruleset` is, for programs, and `nft -j -f` takes it back.  Of a set it leaves out `dynamic`
# and `auto-merge`: the set that comes back takes no element from a rule and no range that touches another, where the first one did
# both.  Nothing is said.  libnftables-json(5) knows neither of the two, and says nowhere that a listing lacks something.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a network namespace is made as root"
deb nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 libnftnl11=1.2.4-2 libjansson4=2.14-2
nft --version
cat >ruleset <<'NFT'
table inet box {
  set seen { type ipv4_addr; size 100; flags dynamic; }
  set nets { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8 }; }
  chain input { }
}
NFT
cat >ask.sh <<'END_OF_ASK'
answer() { if "$@" 2>said; then echo yes; else sed -n 's/^Error: //p' said; fi; }
told() { # how the sets are listed, whether a rule may add an element, and whether a network inside another may be added
  nft list ruleset | grep -o -e "flags dynamic" -e auto-merge | paste -sd,
  answer nft add rule inet box input update @seen '{ ip saddr }'
  answer nft add element inet box nets '{ 10.1.0.0/16 }'
}
nft -f ruleset && nft list ruleset >text && nft -j list ruleset >json || exit 3
told >as-written
nft flush ruleset && nft -f text && told >by-text
nft flush ruleset && nft -j -f json && told >by-json
END_OF_ASK
unshare --net sh ask.sh 2>why || untried "no network namespace, or no nftables in the kernel: $(tail -1 why)"
for way in as-written by-text; do
  expect "$way: flags; an element from a rule; a network inside another" "$(paste -sd';' $way)" "flags dynamic,auto-merge;yes;yes"
done
expect "by-json: the same" "$(paste -sd';' by-json)" \
  ";Could not process rule: Operation not supported;interval overlaps with an existing one"
exit $changed
