#!/usr/bin/env bash
# F_GETLK tells which process has the lock that is in the way.  Where that one is of another PID namespace, as beside a container on a
# shared volume, the lock is told and its process is 0; /proc/locks does not list the lock at all.  A lock of an open file description
# (F_OFD_SETLK) that the same process holds is listed there.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a PID namespace is made as root"
deb util-linux=2.38.1-5+deb12u3
echo "Linux $(uname -r | cut -d. -f1,2)"
inside="deb/usr/bin/unshare --pid --fork --mount-proc"
$inside true 2>said || untried "no PID namespace: $(tail -1 said)"
cat >lock.py <<'PYTHON'
import fcntl, os, struct, sys
file = open(sys.argv[2], "r+")
inode = f":{os.stat(sys.argv[2]).st_ino} "
form, whole = "hhqqi4x", struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
if sys.argv[1] == "ask":
    pid = struct.unpack(form, fcntl.fcntl(file, fcntl.F_GETLK, whole))[4]
    try:
        fcntl.fcntl(file, fcntl.F_SETLK, whole)
        taken = "taken"
    except (BlockingIOError, PermissionError):
        taken = "refused"
    listed = sum(inode in line for line in open("/proc/locks"))
    print(f"{taken}, process {'its own' if str(pid) == sys.argv[3] else pid}, {listed} in /proc/locks")
else:
    fcntl.fcntl(file, fcntl.F_SETLK if sys.argv[1] == "record" else 37, whole)  # 37: F_OFD_SETLK
    print("held", flush=True)
    sys.stdin.read()
PYTHON
touch one
told() { # KIND ARG ...: what a program that these arguments start is told of a lock of that KIND, held out here
  exec 4> >(exec python3 lock.py "$1" one >held)
  local holder=$!
  for _ in $(seq 600); do [ -s held ] && break; sleep 0.1; done
  "${@:2}" python3 lock.py ask one $holder
  exec 4>&-
  for _ in $(seq 600); do [ -d /proc/$holder ] || break; sleep 0.1; done
  rm -f held
}
expect "a lock of a process" "$(told record)" "refused, process its own, 1 in /proc/locks"
expect "the same, seen from another PID namespace" "$(told record $inside)" "refused, process 0, 0 in /proc/locks"
expect "a lock of an open file description" "$(told description)" "refused, process -1, 1 in /proc/locks"
expect "the same, seen from another PID namespace" "$(told description $inside)" "refused, process -1, 1 in /proc/locks"
exit $changed
