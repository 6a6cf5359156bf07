# Sourced after lib.sh: runc and crun of Debian 12, side by side on one OCI bundle.  Wants root.
[ "$(id -u)" = 0 ] || untried "containers are started as root here"
deb runc=1.1.5+ds1-1+deb12u1 crun=1.8.1-1+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1
# crun makes the directory of its state when it is asked for its version, too.
for program in runc crun; do
  XDG_RUNTIME_DIR=$here "$program" --version >/dev/null 2>&1 || untried "$program wants libraries that are not here"
  XDG_RUNTIME_DIR=$here "$program" --version | head -1
done
mkdir -p root/bin root/dev root/proc && cp deb/bin/busybox root/bin/
for name in sh cat grep sleep; do ln -s busybox "root/bin/$name"; done
# configure CHANGE ARG ...: config.json of a container with these arguments and CHANGE, Python on the configuration `c`.
configure() {
  local change=$1
  shift
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
}
# ask RUNTIME ARG ...: the runtime with these arguments, what it says on standard error in ./stderr.
ask() {
  local runtime=$1
  shift
  # crun 1.8 starts nothing where control groups are hybrid: it sees the v1 trees alone here.
  unshare --mount sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"' sh \
    "$runtime" --root "$here/state" "$@" </dev/null 2>stderr
}
# run RUNTIME CHANGE ARG ...: starts the container and waits for its end.
run() {
  configure "$2" "${@:3}"
  ask "$1" run "finding-$$-$RANDOM"
}
# begin RUNTIME CHANGE: starts a container that sleeps; `enter [OPTION ...] SCRIPT` runs a shell in it, `gone` ends it.
begin() {
  entered=$1 name=finding-$$-$RANDOM
  configure "$2" sleep 600
  ask "$1" run --detach "$name" >/dev/null
}
enter() { ask "$entered" exec "${@:1:$#-1}" "$name" sh -c "${*: -1}"; }
gone() { ask "$entered" delete --force "$name" >/dev/null; }
