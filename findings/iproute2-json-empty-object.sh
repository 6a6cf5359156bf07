#!/usr/bin/env bash
# `ip -j` shows what `ip` shows, as JSON.  A link that a filter leaves out is no line in the text, and an empty object in the
# JSON: whoever counts the list's entries finds a link that is up where none is.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a network namespace is made as root here"
deb iproute2=6.1.0-3 libbpf1=1:1.1.2-0+deb12u1 libmnl0=1.0.4-3
ip -V || untried "ip wants libraries that are not here"
# The only link of a new network namespace is lo, which is down.
alone() { unshare --net ip "$@"; }
expect "ip link" "$(alone link | grep -c '^1: lo:')" 1
expect "ip link show up, characters" "$(alone link show up | wc -c)" 0
expect "ip -j link show up" "$(alone -j link show up)" "[{}]"
expect "ip -j address show up" "$(alone -j address show up)" "[{}]"
expect "ip -j link show type bridge" "$(alone -j link show type bridge)" "[]"
exit $changed
