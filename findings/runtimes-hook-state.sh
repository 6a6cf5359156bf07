#!/usr/bin/env bash
# A hook reads the container's state on its standard input, and the OCI specification says what it is at each: "creating" for those
# that create it, "running" once the program runs.  runc has "created" at poststart; crun has "created" from the beginning, and
# "running" there.  At createContainer, which is run inside, the process is 1 with runc and 0 with crun.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
cat >hook.sh <<'END'
#!/bin/sh
state=$(cat)
echo "$1 $state" >>"$2"
END
chmod 755 hook.sh
told() { # RUNTIME: status and process of the state that each hook reads
  rm -f told && : >told
  run "$1" "c['hooks'] = {hook: [{'path': '$here/hook.sh', 'args': ['hook', hook, '$here/told']}]
for hook in ('createRuntime', 'createContainer', 'poststart', 'poststop')}" cat /proc/self/comm >/dev/null
  python3 - <<'PYTHON'
import json
for line in open("told"):
    hook, state = line.split(" ", 1)
    pid = json.loads(state).get("pid")
    print(hook, json.loads(state)["status"], pid if pid in (0, 1, None) else "its own", sep=", ")
PYTHON
}
for runtime in runc crun; do
  told $runtime >seen
  case $runtime in
    runc) wanted=("creating, its own" "creating, 1" "created, its own" "stopped, None") ;;
    crun) wanted=("created, its own" "created, 0" "running, its own" "stopped, 0") ;;
  esac
  for hook in createRuntime createContainer poststart poststop; do
    expect "$runtime, $hook: status, process" "$(sed -n "s/^$hook, //p" seen)" "${wanted[0]}"
    wanted=("${wanted[@]:1}")
  done
done
exit $changed
