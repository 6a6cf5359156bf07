#!/usr/bin/env bash
# The wall clock has no namespace, so a time namespace changes no date, one would say.  `dmesg --ctime` makes a date of a line's time
# since the start, which is the machine's, and of the clock CLOCK_MONOTONIC, which the namespace has moved: with ten days of uptime
# given to a restored container, each line is ten days early.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a time namespace is made as root"
deb util-linux=2.38.1-5+deb12u3
deb/bin/dmesg --version
echo "Linux $(uname -r | cut -d. -f1,2)"
deb/usr/bin/unshare --time true 2>said || untried "no time namespace: $(tail -1 said)"
# A line of a file, as the kernel's log would have it a minute after the machine's start.
echo '<6>[   60.000000] a line' >line
days=864000
seconds() { date -d "$("$@" deb/bin/dmesg --ctime --file line | sed -n 's/^\[\(.*\)\] a line$/\1/p')" +%s; }
early() { echo $((($(seconds) - $(seconds deb/usr/bin/unshare --time --fork "$@") + 43200) / 86400)); }
expect "days early with --boottime and --monotonic" "$(early --boottime $days --monotonic $days)" 10
expect "days early with --boottime alone" "$(early --boottime $days)" 0
later=$(deb/usr/bin/unshare --time --fork --boottime $days --monotonic $days date +%s)
expect "the wall clock is the same" "$([ $((later - $(date +%s))) -lt 60 ] && echo yes)" yes
exit $changed
