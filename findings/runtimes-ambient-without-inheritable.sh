#!/usr/bin/env bash
# A user's program has a capability when it is ambient, and the kernel raises to ambient only what is inheritable too.  A
# configuration that names it everywhere but in `inheritable` starts, says nothing, and the program has no capability.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
for inheritable in '' '"CAP_KILL"'; do
  change="k = ['CAP_KILL']
c['process']['user'] = {'uid': 1000, 'gid': 1000}
c['process']['capabilities'] = dict(bounding=k, permitted=k, effective=k, ambient=k, inheritable=[$inheritable])"
  case $inheritable in '') wanted=0000000000000000 ;; *) wanted=0000000000000020 ;; esac
  for runtime in runc crun; do
    seen=$(run $runtime "$change" grep CapEff /proc/self/status)
    expect "$runtime, ambient CAP_KILL, inheritable [$inheritable]" "${seen#*$'\t'}" $wanted
    expect "  what it said" "$(cat stderr)" ""
  done
done
exit $changed
