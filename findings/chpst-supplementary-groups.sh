#!/usr/bin/env bash
# `chpst -u USER` of runit starts a service as USER, and so does `gosu USER`.  With gosu it has the groups in which /etc/group lists
# USER; chpst takes the one of /etc/passwd and no other, so that what a service may read by such a group it may not.  chpst has them
# by name only: `-u USER:GROUP:GROUP`.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "root alone changes its user"
deb runit=2.1.2-54 gosu=1.14-1+b10 util-linux=2.38.1-5+deb12u3
export LD_LIBRARY_PATH=
gosu --version | cut -d' ' -f1
echo "runit 2.1.2"
echo 'one:x:2001:2001::/:/bin/sh' >passwd
printf '%s\n' 'one:x:2001:' 'logs:x:2002:one' 'cards:x:2003:one' >group
as() { # ARG ...: the groups of a program that these arguments start, in a mount namespace with users of its own
  unshare --mount sh -euc 'mount --bind passwd /etc/passwd && mount --bind group /etc/group && exec "$@" id -G' sh "$@" 2>said ||
    untried "no mount namespace: $(tail -1 said)"
}
expect "gosu one" "$(as gosu one)" "2001 2002 2003"
expect "setpriv --init-groups" "$(as setpriv --reuid one --regid one --init-groups)" "2001 2002 2003"
expect "chpst -u one" "$(as chpst -u one)" 2001
expect "chpst -u one:one:logs" "$(as chpst -u one:one:logs)" "2001 2002"
exit $changed
