#!/usr/bin/env bash
# `timeout 1 sleep 5` ends after a second, and so it does as a container's command with the timeout of GNU.  That of BusyBox becomes the
# program itself and leaves the clock to a child, so that in a container the program is process 1.  SIGTERM does nothing to a process 1
# that has no handler for it: the program runs to its end, and the status is its own.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a PID namespace is made as root"
deb busybox-static=1:1.35.0-4+deb12u1+b1 coreutils=9.1-1 util-linux=2.38.1-5+deb12u3
first="deb/usr/bin/unshare --pid --fork --mount-proc"
$first true 2>said || untried "no PID namespace: $(tail -1 said)"
deb/bin/busybox | head -1 | cut -d' ' -f1,2
deb/usr/bin/timeout --version | head -1
status() { # ARG ...: the status of these arguments, which run a shell for five seconds, and whether the shell came to its end
  rm -f end
  local status=0
  "$@" sh -c 'sleep 5; : >end' 2>/dev/null || status=$?
  echo "$status, $([ -e end ] && echo "to its end" || echo "cut short")"
}
expect "BusyBox, one second" "$(status deb/bin/busybox timeout 1)" "143, cut short"
expect "BusyBox, one second, as process 1" "$(status $first deb/bin/busybox timeout 1)" "0, to its end"
expect "GNU, one second" "$(status deb/usr/bin/timeout 1)" "124, cut short"
expect "GNU, one second, as process 1" "$(status $first deb/usr/bin/timeout 1)" "124, cut short"
exit $changed
