#!/usr/bin/env bash
# Two rules of a seccomp filter are for one call: one refuses it with a certain argument, the other allows it.  The more special one
# counts, or the first, one would say.  libseccomp keeps the one without a condition, and drops the other, in either order: what the
# special one refuses is allowed, and nothing is said.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
ln -s busybox root/bin/chmod
tried() { # RUNTIME RULES: whether a program may be made a set-user-ID one
  run "$1" "special = {'names': ['chmod', 'fchmodat'], 'action': 'SCMP_ACT_ERRNO',
           'args': [{'index': 1, 'value': 0o4755, 'op': 'SCMP_CMP_EQ'}]}
general = {'names': ['chmod', 'fchmodat'], 'action': 'SCMP_ACT_ALLOW'}
c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_LOG', 'syscalls': $2}" \
    sh -c ': >/file; chmod 4755 /file 2>/dev/null && echo allowed || echo refused'
}
for runtime in runc crun; do
  expect "$runtime, the rule with a condition" "$(tried $runtime '[special]')" refused
  expect "$runtime, behind it the one without" "$(tried $runtime '[special, general]')" allowed
  expect "$runtime, before it the one without" "$(tried $runtime '[general, special]')" allowed
done
exit $changed
