#!/usr/bin/env bash
# iptables-restore-translate makes nft's rules of saved ones.  A rule with a match that it knows no words for
# (`recent`, `string`) is a comment among them, and nothing else: no message, status 0, and `nft -f` takes the rest.  What the
# rule was to accept comes to the next one, which rejects it.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a network namespace is made as root"
deb iptables=1.8.9-2 libxtables12=1.8.9-2 libnftnl11=1.2.4-2 nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 libjansson4=2.14-2
export XTABLES_LIBDIR=$here/deb/usr/lib/x86_64-linux-gnu/xtables
xtables() { "$here/deb/usr/sbin/xtables-nft-multi" "$@"; }
xtables iptables --version
cat >saved <<'END'
*filter
:INPUT ACCEPT [0:0]
-A INPUT -p tcp --dport 22 -m recent --name ssh --rcheck --seconds 60 -j ACCEPT
-A INPUT -p tcp --dport 22 -j REJECT
COMMIT
END
status=0
xtables iptables-restore-translate -f saved >rules 2>said || status=$?
expect "status, lines of errors" "$status, $(wc -l <said)" "0, 0"
expect "the rule that accepts" "$(grep -o '^#.*-m recent' rules)" "# -t filter -A INPUT -p tcp --dport 22 -m recent"
expect "the rule that rejects" "$(grep 'add rule' rules)" "add rule ip filter INPUT tcp dport 22 counter reject"
unshare --net sh -c 'nft -f rules && nft list ruleset' >listed 2>said || untried "no network namespace, or no nftables: $(tail -1 said)"
expect "rules that nft has of it" "$(grep -c counter listed)" 1
exit $changed
