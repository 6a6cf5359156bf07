#!/usr/bin/env bash
# A seccomp rule may have several conditions.  On different arguments all of them must hold.  As soon as two stand on one
# argument, each of the conditions is a rule of its own: "at least 18 and at most 23" then matches every number.  The OCI
# specification does not say how conditions combine; runc and crun agree (opencontainers/runc issue 2735).
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
rule() {
  echo 'c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["kill"],
    "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "args": ['"$1"']}]}'
}
at_least_18='{"index": 1, "value": 18, "op": "SCMP_CMP_GE"}'
at_most_23='{"index": 1, "value": 23, "op": "SCMP_CMP_LE"}'
to_process_1='{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}'
to_process_2='{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}'
# Signals that do nothing by default: CHLD, CONT, URG, WINCH.
refused='for n in 17 18 23 28; do kill -$n 1 2>/dev/null || echo $n; done'
for runtime in runc crun; do
  seen() { run $runtime "$(rule "$1")" sh -c "$refused" | paste -sd' '; }
  expect "$runtime, signal >= 18 and process 1: refused" "$(seen "$at_least_18, $to_process_1")" "18 23 28"
  expect "$runtime, signal >= 18 and process 2: refused" "$(seen "$at_least_18, $to_process_2")" ""
  expect "$runtime, signal >= 18 and signal <= 23: refused" "$(seen "$at_least_18, $at_most_23")" "17 18 23 28"
done
exit $changed
