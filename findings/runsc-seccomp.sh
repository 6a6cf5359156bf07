#!/usr/bin/env bash
# A runtime that cannot set up what the configuration says has to fail (OCI runtime specification, runtime.md, Lifecycle).  gVisor's
# runsc takes a configuration with a seccomp filter, starts the container without the filter and says nothing.  It has an
# option to set it up, `--oci-seccomp`, with which the call is refused.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
. "$beside/runsc.sh"
filter="c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64'], 'syscalls': [
  {'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 1}]}"
make='busybox mkdir /new 2>/dev/null && echo made && busybox rmdir /new || echo refused'
for runtime in runc crun; do expect "$runtime, mkdir" "$(run $runtime "$filter" sh -c "$make")" refused; done
expect "runsc, mkdir" "$(sandboxed "$filter" sh -c "$make")" made
expect "runsc, said" "$(cat stderr)" ""
runsc() { command runsc --oci-seccomp "$@"; }
expect "runsc --oci-seccomp, mkdir" "$(sandboxed "$filter" sh -c "$make")" refused
exit $changed
