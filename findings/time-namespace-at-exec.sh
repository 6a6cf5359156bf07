#!/usr/bin/env bash
# A process that makes a time namespace stays in its old one, and its children are in the new one: so says time_namespaces(7), and of
# such a namespace of processes it is true.  Of this one it is half: since Linux 6.3 at the latest the process moves when it starts
# another program in its place, without a child.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a time namespace is made as root"
deb util-linux=2.38.1-5+deb12u3
release=$(uname -r | cut -d. -f1,2)
echo "Linux $release"
printf '6.3\n%s\n' "$release" | sort -V -C || untried "this kernel is older than 6.3"
[ -e /proc/self/ns/time ] || untried "this kernel has no time namespaces"
cat >ask.py <<'PYTHON'
import ctypes, os, sys
DAY, NEW = 86400, {"time": 0x80, "pid": 0x20000000}

def place():
    return os.readlink("/proc/self/ns/" + kind)

kind = sys.argv[1]
if len(sys.argv) > 2:
    print("after exec", "the old one" if place() == sys.argv[2] else "a new one")
    sys.exit()
old = place()
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(NEW[kind]):
    sys.exit(os.strerror(ctypes.get_errno()))
print("after unshare", "the old one" if place() == old else "a new one", flush=True)
os.execv(sys.executable, [sys.executable, __file__, kind, old])
PYTHON
seen() { python3 ask.py "$1" 2>said | paste -sd, || untried "no $1 namespace: $(tail -1 said)"; }
expect "a PID namespace" "$(seen pid)" "after unshare the old one,after exec the old one"
expect "a time namespace" "$(seen time)" "after unshare the old one,after exec a new one"
# unshare(1) has --fork for those who need a child.  Neither is one here.
ten_years() {
  local seconds
  seconds=$(deb/usr/bin/unshare --time --boottime 315360000 "$@" cut -d. -f1 /proc/uptime)
  [ "$seconds" -ge 315360000 ] && echo yes
}
expect "unshare --time --boottime, up for ten years" "$(ten_years)" yes
expect "the same with --fork" "$(ten_years --fork)" yes
exit $changed
