#!/usr/bin/env bash
# A configuration without rlimits says nothing about the number of open files, so the container would have its caller's
# limit.  So it is with crun.  A Go program raises its own soft limit to the hard one when it starts (since Go 1.19), and
# this runc hands the raised limit on.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
ulimit -Sn 256 && ulimit -Hn 4096
for runtime in runc crun; do
  case $runtime in runc) wanted=4096 ;; crun) wanted=256 ;; esac
  expect "$runtime, soft limit" "$(run $runtime 'c["process"].pop("rlimits")' sh -c 'ulimit -Sn')" $wanted
done
exit $changed
