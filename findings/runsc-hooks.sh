#!/usr/bin/env bash
# Hooks of a configuration are called, each at its point of the lifecycle (OCI runtime specification, config.md, POSIX-platform
# Hooks).  gVisor's runsc calls those outside, prestart, createRuntime, poststart and poststop, and leaves out the two that are of the
# container's namespaces, createContainer and startContainer: nothing is said, and the container starts without what they would set up.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
. "$beside/runsc.sh"
hooks="write = lambda name, path: [{'path': '/bin/sh', 'args': ['sh', '-c', f'cat >/dev/null; echo {name} >>{path}']}]
c['hooks'] = {name: write(name, '$here/called') for name in ('prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop')}
c['hooks']['startContainer'] = write('startContainer', '/called')"
called() { # COMMAND ARG ...: which hooks were called, of those outside and of the one inside, where a container has ended
  rm -f called root/called
  "$@" "$hooks" sh -c : && cat called root/called 2>/dev/null | sort | paste -sd' '
}
all="createContainer createRuntime poststart poststop prestart startContainer"
expect "runc" "$(called run runc)" "$all"
expect "crun" "$(called run crun)" "$all"
expect "runsc" "$(called sandboxed)" "createRuntime poststart poststop prestart"
expect "runsc, said" "$(cat stderr)" ""
exit $changed
