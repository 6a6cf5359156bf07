#!/usr/bin/env bash
# A runtime has to ignore a property that it does not know (runtime specification, config.md, Extensibility), and JSON's
# names are exact.  Go's reader takes a name in any case: `HostName` is `hostname` for runc, and nothing for crun.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
change='c.update(hostname="known", HostName="unknown")'
for runtime in runc crun; do
  case $runtime in runc) wanted=unknown ;; crun) wanted=known ;; esac
  expect "$runtime, host name" "$(run $runtime "$change" cat /proc/sys/kernel/hostname)" $wanted
done
exit $changed
