#!/usr/bin/env bash
# An entry of process.env without `=`.  runc refuses to start; crun gives each entry to putenv(3), for which a name alone
# means: take that variable away.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
change='c["process"]["env"] = ["PATH=/bin", "KEPT=1", "GONE=1", "GONE"]'
for runtime in runc crun; do
  case $runtime in runc) wanted="" ;; crun) wanted="PATH=/bin KEPT=1 HOME=/" ;; esac
  expect "$runtime, environment" "$(run $runtime "$change" cat /proc/self/environ | tr '\0' ' ' | sed 's/ $//')" "$wanted"
done
exit $changed
