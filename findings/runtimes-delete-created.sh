#!/usr/bin/env bash
# "Attempting to delete a container that is not stopped MUST have no effect on the container and MUST generate an error", says the
# OCI runtime specification (runtime.md, Delete).  A container that `create` made, and that nobody has started yet, is not
# stopped: runc and crun delete it without --force, end its process and report success.  One that runs they leave alone.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
for runtime in runc crun; do
  name=finding-$$-$RANDOM
  configure "" sleep 600
  ask $runtime create --pid-file "$here/pid" $name >/dev/null || untried "$runtime creates nothing here: $(tail -1 stderr)"
  expect "$runtime, state" "$(ask $runtime state $name | grep -o '"status": *"[a-z]*"' | tr -d ' ')" '"status":"created"'
  expect "$runtime, its process" "$(kill -0 "$(cat pid)" && echo there)" there
  status=0
  ask $runtime delete $name || status=$?
  expect "$runtime, status of delete" $status 0
  expect "$runtime, the container" "$(ask $runtime state $name >/dev/null && echo there || echo gone)" gone
  # What adopted the process may be slow to wait for it.
  for _ in 1 2 3 4 5; do grep -q '^State:.[^Z]' "/proc/$(cat pid)/status" 2>/dev/null || break; sleep 1; done
  expect "$runtime, its process" "$(grep -q '^State:.[^Z]' "/proc/$(cat pid)/status" 2>/dev/null && echo there || echo ended)" ended
  begin $runtime ""
  expect "$runtime, delete of one that runs" "$(ask $runtime delete "$name" && echo deleted || echo refused)" refused
  gone
done
exit $changed
