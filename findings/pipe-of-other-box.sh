#!/usr/bin/env bash
# A pipe holds 64 KiB, and a box with namespaces of its own has pipes of its own, too.  The kernel counts a user's pipes on the whole
# machine (fs.pipe-user-pages-soft; pipe(7)): as soon as a user of one box has 1024 of them, each new pipe of the same user in every
# other box holds 8 KiB, and no call says so.  A program that writes 32 KiB before anybody reads waits there for ever.
# The manual has one page; it is two.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "another user and its namespaces are made as root"
deb util-linux=2.38.1-5+deb12u3
echo "Linux $(uname -r | cut -d. -f1,2)"
expect "fs.pipe-user-pages-soft" "$(cat /proc/sys/fs/pipe-user-pages-soft)" 16384
[ "$changed" = 0 ] && [ "$(getconf PAGESIZE)" = 4096 ] || untried "this machine's settings are others"
cat >pipes.py <<'PYTHON'
import fcntl, os, sys
F_GETPIPE_SZ, user, pipes, hold = 1032, *map(int, sys.argv[1:])
os.setgroups([]); os.setgid(user); os.setuid(user)
made = [os.pipe() for _ in range(pipes)]
print(fcntl.fcntl(made[-1][1], F_GETPIPE_SZ), flush=True)
if hold:
    sys.stdin.read()
PYTHON
most=$(ulimit -Hn)
[ "$most" = unlimited ] || [ "$most" -ge 2200 ] || untried "a process may open $most files, which are no 1024 pipes"
ulimit -Sn 2200
# Users that nobody else has here.
user=$((1900000000 + $$)) other=$((1800000000 + $$))
box() { deb/usr/bin/unshare --pid --fork --kill-child --mount-proc --net --ipc --uts --cgroup python3 "$here/pipes.py" "$@"; }
before=$(box $user 1 0)
mkfifo hold
box $user 1030 1 <hold >one &
holder=$!
exec 3>hold
trap 'exec 3>&-; wait $holder 2>/dev/null || true; rm -rf "$here"' EXIT
for _ in $(seq 100); do [ -s one ] && break; sleep 0.1; done
expect "a pipe of a box" "$before" 65536
expect "the last of 1030 in one box" "$(cat one)" 8192
expect "the first in a second box, of the same user" "$(box $user 1 0)" 8192
expect "the first in a third box, of another user" "$(box $other 1 0)" 65536
exec 3>&-
wait $holder
expect "in the second box when the first has ended" "$(box $user 1 0)" 65536
exit $changed
