#!/usr/bin/env bash
# psutil's open_files() lists "regular files opened by process".  Which of the open paths is a regular file it looks up in its own mount
# namespace: of a container's process those are listed that have a namesake out here, and the database that it writes is not.  The
# kernel's /proc/PID/fd leads to each of them.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a mount namespace is made as root"
python_packages psutil==7.2.2
echo "psutil 7.2.2"
mkdir inner && echo outside >inner/namesake
cat >open.sh <<'OPEN'
mount -t tmpfs finding inner && exec 8>inner/database 9>inner/namesake && echo opened >started && exec sleep 600
OPEN
unshare --mount sh open.sh 2>said &
process=$!
trap 'kill $process 2>/dev/null || true; wait $process 2>/dev/null || true; rm -rf "$here"' EXIT
for _ in $(seq 100); do [ -s started ] && break; sleep 0.1; done
[ -s started ] || untried "no mount namespace: $(cat said)"
cat >ask.py <<'ASK'
import os, sys, psutil
process, room = int(sys.argv[1]), sys.argv[2] + "/inner/"
within = lambda paths: ",".join(sorted(path[len(room):] for path in paths if path.startswith(room)))
open_now = [f"/proc/{process}/fd/{fd}" for fd in os.listdir(f"/proc/{process}/fd")]
print(within(os.readlink(one) for one in open_now if os.path.isfile(one)))
print(within(one.path for one in psutil.Process(process).open_files()))
ASK
venv/bin/python ask.py $process "$here" >seen
expect "regular files by /proc/PID/fd" "$(sed -n 1p seen)" database,namesake
expect "psutil's open_files()" "$(sed -n 2p seen)" namesake
exit $changed
