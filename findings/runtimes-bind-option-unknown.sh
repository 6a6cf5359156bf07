#!/usr/bin/env bash
# `readonly` for `ro` among a mount's options: Docker has the one word, the OCI specification the other, and an option that a runtime
# does not know is the file system's, which knows it or refuses it.  A directory that is bound has no say in it: the kernel looks at no
# such text when it binds.  The container starts, and what was to be read-only can be written to; so with any misspelt option.  The same
# word on a tmpfs is an error.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
mkdir data
tried() { # RUNTIME TYPE OPTIONS: what a container can do with /data
  run "$1" "c['mounts'] += [{'destination': '/data', 'source': '$here/data', 'type': '$2', 'options': $3}]" \
    sh -c '(: >/data/file) 2>/dev/null && echo writable || echo read-only' || echo "not started"
}
for runtime in runc crun; do
  expect "$runtime, a directory, ro" "$(tried $runtime bind "['bind', 'ro']")" read-only
  expect "$runtime, a directory, readonly" "$(tried $runtime bind "['bind', 'readonly']")" writable
  expect "$runtime, said" "$(cat stderr)" ""
  expect "$runtime, a directory, RO" "$(tried $runtime bind "['bind', 'RO']")" writable
  expect "$runtime, a tmpfs, ro" "$(tried $runtime tmpfs "['ro']")" read-only
  expect "$runtime, a tmpfs, readonly" "$(tried $runtime tmpfs "['readonly']")" "not started"
done
exit $changed
