# Sourced after lib.sh: runc and crun of Debian 12, side by side on one OCI bundle.  Wants root.
[ "$(id -u)" = 0 ] || untried "containers are started as root here"
deb runc=1.1.5+ds1-1+deb12u1 crun=1.8.1-1+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1
for program in runc crun; do
  "$program" --version >/dev/null 2>&1 || untried "$program wants libraries that are not here"
  "$program" --version | head -1
done
mkdir -p root/bin root/dev root/proc && cp deb/bin/busybox root/bin/
for name in sh cat grep sleep; do ln -s busybox "root/bin/$name"; done
# run RUNTIME CHANGE ARG ...: starts the container with CHANGE, a statement of Python on the configuration `c`.
run() {
  local runtime=$1 change=$2
  shift 2
  rm -f config.json && runc spec
  python3 - "$change" "$@" <<'PYTHON'
import json, sys
c = json.load(open("config.json"))
c["root"] = {"path": "root", "readonly": False}
c["process"].update(terminal=False, args=sys.argv[2:])
c["mounts"] = [one for one in c["mounts"] if one["type"] == "proc"]
c["linux"].pop("resources", None)
exec(sys.argv[1])
json.dump(c, open("config.json", "w"))
PYTHON
  # crun 1.8 starts nothing where control groups are hybrid: it sees the v1 trees alone here.
  unshare --mount sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"' sh \
    "$runtime" --root "$here/state" run "finding-$$-$RANDOM" </dev/null 2>stderr
}
