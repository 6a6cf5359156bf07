#!/usr/bin/env bash
# `exec --env NAME=VALUE` adds a variable, one would think.  With runc it does.  With crun the variables of the
# configuration are gone as soon as one is given, PATH among them.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
for runtime in runc crun; do
  begin $runtime "c['process']['env'].append('SERVICE=web')"
  expect "$runtime, exec" "$(ask $runtime exec "$name" /bin/sh -c 'echo "${SERVICE-none}"')" web
  case $runtime in runc) wanted="web extra" ;; crun) wanted="none extra" ;; esac
  expect "$runtime, exec --env MORE=extra" \
    "$(ask $runtime exec --env MORE=extra "$name" /bin/sh -c 'echo "${SERVICE-none} $MORE"')" "$wanted"
  gone
done
exit $changed
