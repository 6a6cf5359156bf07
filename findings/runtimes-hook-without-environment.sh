#!/usr/bin/env bash
# A hook's `env` is optional, and the specification does not say what a hook without it has.  In runc that depends on the
# hook: createRuntime has the variables of runc's caller, createContainer those of the container's process.  crun gives both
# its caller's.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
export OF=caller
for hook in createRuntime createContainer; do
  change='c["process"]["env"] = ["PATH=/bin", "OF=container"]
c["hooks"] = {"'$hook'": [{"path": "/bin/sh", "args": ["sh", "-c", "echo $OF >'"$here"'/seen"]}]}'
  for runtime in runc crun; do
    case $runtime-$hook in runc-createContainer) wanted=container ;; *) wanted=caller ;; esac
    run $runtime "$change" sh -c : && expect "$runtime, $hook: the variables of the" "$(cat seen)" $wanted
    rm -f seen
  done
done
exit $changed
