#!/usr/bin/env bash
# `exec` runs a further program in a container.  runc gives it the user, directory and limits of the container's
# configuration; with crun it is root in / with the limits of the caller.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
change="c['process'].update(user={'uid': 1000, 'gid': 1000}, cwd='/bin')
c['process']['rlimits'] = [{'type': 'RLIMIT_NOFILE', 'soft': 77, 'hard': 77}]"
ulimit -n 256
for runtime in runc crun; do
  begin $runtime "$change"
  case $runtime in runc) wanted="user 1000 in /bin, 77 files" ;; crun) wanted="user 0 in /, 256 files" ;; esac
  expect "$runtime, exec" "$(enter 'echo "user $(busybox id -u) in $PWD, $(ulimit -n) files"')" "$wanted"
  gone
done
exit $changed
