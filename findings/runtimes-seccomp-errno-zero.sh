#!/usr/bin/env bash
# `errnoRet` is EPERM when a configuration leaves it out.  0 is not the same as left out: the call is refused with the
# error 0, which is success.  mkdir(1) says that all went well, and made nothing.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
ln -s busybox root/bin/mkdir
for errno in None 0; do
  change="rule = {'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': $errno}
if rule['errnoRet'] is None: del rule['errnoRet']
c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [rule]}"
  case $errno in None) wanted="mkdir: 1, there: no" ;; 0) wanted="mkdir: 0, there: no" ;; esac
  for runtime in runc crun; do
    expect "$runtime, errnoRet $errno" "$(run $runtime "$change" \
      sh -c 'mkdir /new; echo "mkdir: $?, there: $([ -d /new ] && echo yes || echo no)"')" "$wanted"
  done
done
exit $changed
