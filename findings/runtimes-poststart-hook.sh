#!/usr/bin/env bash
# A poststart hook that fails: the runtime specification has the runtime log a warning and go on.  crun goes on and says
# nothing; runc ends the container and fails.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
change='c["hooks"] = {"poststart": [{"path": "/bin/false"}]}'
for runtime in runc crun; do
  status=0
  said=$(run $runtime "$change" sh -c 'sleep 1; echo went on') || status=$?
  case $runtime in runc) wanted="1," ;; crun) wanted="0, went on" ;; esac
  expect "$runtime, status and output" "$status,${said:+ $said}" "$wanted"
  expect "$runtime, lines on standard error" "$(wc -l <stderr)" $([ $runtime = runc ] && echo 1 || echo 0)
done
exit $changed
