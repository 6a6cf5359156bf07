#!/usr/bin/env bash
# Without `umask` in a configuration, the mask "should not be changed from the calling process' umask" (OCI runtime specification,
# config.md, POSIX process).  runc and crun set 022, whatever their caller's is: a caller with 077, whose files are its own, has a
# container whose files all may read, and one with 002 a container whose files its group cannot write to.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
configure "" sh -c umask
for runtime in runc crun; do
  for mask in 077 002; do
    expect "$runtime, a caller with $mask" "$(umask $mask && ask $runtime run "finding-$$-$RANDOM")" 0022
  done
done
configure "c['process']['user']['umask'] = 0o77" sh -c umask
for runtime in runc crun; do expect "$runtime, a configuration with 077" "$(ask $runtime run "finding-$$-$RANDOM")" 0077; done
exit $changed
