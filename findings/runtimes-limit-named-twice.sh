#!/usr/bin/env bash
# "If rlimits contains duplicated entries with same type, the runtime MUST generate an error", says the OCI runtime specification
# (config.md, POSIX process).  runc and crun set one after the other, and the container starts with the last.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
change="c['process']['rlimits'] = [{'type': 'RLIMIT_CORE', 'soft': size, 'hard': size} for size in (1024, 512)]"
for runtime in runc crun; do
  seen=$(run $runtime "$change" sh -c 'grep "core file" /proc/self/limits' | tr -s ' ' | cut -d' ' -f5-6) || true
  expect "$runtime, RLIMIT_CORE of 1024 and of 512" "$seen" "512 512"
done
exit $changed
