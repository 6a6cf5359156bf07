#!/usr/bin/env bash
# `umask` of the process's user is the mask that the program begins with (OCI runtime specification, config.md, POSIX process).  With
# gVisor's runsc it is 022, whatever the configuration says: what a program with the umask 077 keeps to itself, all may read.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
. "$beside/runsc.sh"
make='umask; echo >/note; busybox stat -c %a /note; busybox rm /note'
mask="c['process']['user']['umask'] = 0o77"
for runtime in runc crun; do
  expect "$runtime, umask, and mode of a new file" "$(run $runtime "$mask" sh -c "$make" | paste -sd,)" "0077,600"
done
expect "runsc, umask, and mode of a new file" "$(sandboxed "$mask" sh -c "$make" | paste -sd,)" "0022,644"
expect "runsc, said" "$(cat stderr)" ""
exit $changed
