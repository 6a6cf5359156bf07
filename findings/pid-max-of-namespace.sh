#!/usr/bin/env bash
# kernel.pid_max is the machine's, and a box reads the number that bounds its processes.  Since Linux 6.14 each PID namespace has one
# of its own, and a new one has 4194304 whatever the machine's is, which goes on to bound it.  A write in a namespace is not seen
# outside.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a PID namespace is made as root"
deb util-linux=2.38.1-5+deb12u3
file=/proc/sys/kernel/pid_max
echo "Linux $(uname -r | cut -d. -f1,2)"
printf '6.14\n%s\n' "$(uname -r | cut -d. -f1,2)" | sort -V -C || untried "this kernel is older than 6.14"
before=$(cat $file)
inside() { deb/usr/bin/unshare --pid --fork --mount-proc "$@" 2>said || untried "no PID namespace: $(tail -1 said)"; }
expect "in a new namespace" "$(inside cat $file)" 4194304
expect "after a write in it" "$(inside sh -c "echo 1000 >$file && cat $file")" 1000
expect "in one below that" "$(inside sh -c "echo 1000 >$file && deb/usr/bin/unshare --pid --fork --mount-proc cat $file")" 4194304
expect "outside, as before" "$([ "$(cat $file)" = "$before" ] && echo yes)" yes
exit $changed
