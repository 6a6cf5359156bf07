#!/usr/bin/env bash
# `list --format json` is a list of containers.  Where there are none, crun's is an empty list, and runc's is `null`, over which a
# program cannot iterate.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
for runtime in runc crun; do
  case $runtime in runc) wanted=null ;; crun) wanted='[]' ;; esac
  expect "$runtime list --format json" "$(ask $runtime list --format json | tr -d '[:space:]')" "$wanted"
done
exit $changed
