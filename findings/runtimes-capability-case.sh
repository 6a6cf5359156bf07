#!/usr/bin/env bash
# The OCI specification's capabilities are names as in capabilities(7), CAP_KILL.  Written cap_kill, crun grants it, and
# runc starts the container without it and with a warning.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
change='c["process"]["capabilities"] = {name: ["cap_kill"] for name in ("bounding", "permitted", "effective")}'
for runtime in runc crun; do
  case $runtime in runc) wanted=0000000000000000 ;; crun) wanted=0000000000000020 ;; esac
  expect "$runtime, effective" "$(run $runtime "$change" grep CapEff /proc/self/status | cut -f2)" $wanted
done
exit $changed
