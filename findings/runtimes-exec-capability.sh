#!/usr/bin/env bash
# `exec --cap CAP_CHOWN`: with runc the program has the container's capabilities and this one, with crun this one alone.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
change="k = ['CAP_KILL']; c['process']['capabilities'] = dict(bounding=k, permitted=k, effective=k)"
for runtime in runc crun; do
  begin $runtime "$change"
  case $runtime in runc) wanted=0000000000000021 ;; crun) wanted=0000000000000001 ;; esac
  seen=$(enter --cap CAP_CHOWN 'grep CapEff /proc/self/status')
  expect "$runtime, CAP_KILL (5) of the container and CAP_CHOWN (0) of exec" "${seen#*$'\t'}" $wanted
  gone
done
exit $changed
