#!/usr/bin/env bash
# kernel.pid_max is the machine's, and a box reads the number that bounds its processes.  Since Linux 6.14 each PID namespace has one
# of its own, and a new one has 4194304 whatever that of the namespace around it is, which goes on to bound it: below one of 1000
# there are no 1000 processes.  A write in a namespace is not seen outside.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a PID namespace is made as root"
deb util-linux=2.38.1-5+deb12u3
file=/proc/sys/kernel/pid_max
echo "Linux $(uname -r | cut -d. -f1,2)"
printf '6.14\n%s\n' "$(uname -r | cut -d. -f1,2)" | sort -V -C || untried "this kernel is older than 6.14"
before=$(cat $file)
new="deb/usr/bin/unshare --pid --fork --mount-proc"
cat >fill.py <<'END_OF_PYTHON'
import os, signal
made = 0
try:
    while made < 1200:
        if os.fork() == 0:
            signal.pause()
        made += 1
except BlockingIOError:
    pass
print("all" if made == 1200 else "between 900 and 1000" if 900 < made < 1000 else made)
END_OF_PYTHON
inside() { $new sh -c "$1" 2>said || untried "no such PID namespace: $(tail -1 said)"; }
expect "after a write of 1000 in a new namespace" "$(inside "echo 1000 >$file && cat $file")" 1000
expect "in a new one below that" "$(inside "echo 1000 >$file && $new cat $file")" 4194304
expect "1200 processes in one below a new one" "$(inside "$new python3 fill.py")" all
expect "1200 processes in one below one of 1000" "$(inside "echo 1000 >$file && $new python3 fill.py")" "between 900 and 1000"
expect "outside, as before" "$([ "$(cat $file)" = "$before" ] && echo yes)" yes
exit $changed
