#!/usr/bin/env bash
# `kill CONTAINER KILL` ends a paused container with runc, which lets it go on to die.  With crun the command succeeds, and
# the container stays, paused, until it is resumed: the freezer of control groups v1 keeps SIGKILL back.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
for runtime in runc crun; do
  begin $runtime pass
  ask $runtime pause "$name"
  expect "$runtime, kill KILL: status" "$(ask $runtime kill "$name" KILL && echo 0)" 0
  case $runtime in runc) wanted=stopped ;; crun) wanted=paused ;; esac
  state() { ask $runtime state "$name" | python3 -c 'import json, sys; print(json.load(sys.stdin)["status"])'; }
  for _ in 1 2 3 4 5 6 7 8 9 10; do [ "$(state)" = paused ] || break; sleep 0.2; done
  expect "$runtime, two seconds later" "$(state)" $wanted
  ask $runtime resume "$name" || true
  gone
done
exit $changed
