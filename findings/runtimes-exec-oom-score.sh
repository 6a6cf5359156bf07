#!/usr/bin/env bash
# `oomScoreAdj` of a configuration says which container the kernel is to end first when memory runs out.  Who enters by `exec` is as
# likely to be ended with runc.  With crun it has what crun's caller has: a shell of the host's in the container outlives it.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
for runtime in runc crun; do
  begin $runtime "c['process']['oomScoreAdj'] = 500"
  expect "$runtime, the first process" "$(enter 'cat /proc/1/oom_score_adj')" 500
  case $runtime in runc) wanted=500 ;; crun) wanted=$(cat /proc/self/oom_score_adj) ;; esac
  expect "$runtime, exec" "$(enter 'cat /proc/self/oom_score_adj')" "$wanted"
  gone
done
exit $changed
