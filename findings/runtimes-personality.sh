#!/usr/bin/env bash
# `linux.personality` LINUX32 makes uname(2) say i686.  runc 1.1 does not know the property: it starts the container as if
# nothing had been asked, with the machine's own name, and says nothing; crun does what is asked.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
for runtime in runc crun; do
  case $runtime in runc) wanted=x86_64 ;; crun) wanted=i686 ;; esac
  expect "$runtime, LINUX32" "$(run $runtime "c['linux']['personality'] = {'domain': 'LINUX32'}" busybox uname -m)" $wanted
done
exit $changed
