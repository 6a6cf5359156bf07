#!/usr/bin/env bash
# `process.user.umask` is for the container's first program alone: who enters has the umask of the caller on the host.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
for runtime in runc crun; do
  expect "$runtime, run" "$(umask 022; run $runtime "c['process']['user']['umask'] = 0o077" sh -c umask)" 0077
  begin $runtime "c['process']['user']['umask'] = 0o077"
  for mask in 022 002; do
    expect "$runtime, exec by a caller with umask $mask" "$(umask $mask; enter umask)" 0$mask
  done
  gone
done
exit $changed
