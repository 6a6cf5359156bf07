#!/usr/bin/env bash
# With `noNewPrivileges` no program of a container gains anything by a set-user-ID program, one would think.  It holds for the first
# process and what it starts.  Who enters by `exec` has it with runc; with crun not, unless `exec --no-new-privs` asks for it.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
privileges='grep NoNewPrivs /proc/self/status | cut -f2'
ln -s busybox root/bin/cut
for runtime in runc crun; do
  begin $runtime "c['process']['noNewPrivileges'] = True"
  expect "$runtime, the first process" "$(enter "grep NoNewPrivs /proc/1/status | cut -f2")" 1
  case $runtime in runc) wanted=1 ;; crun) wanted=0 ;; esac
  expect "$runtime, exec" "$(enter "$privileges")" $wanted
  expect "$runtime, exec --no-new-privs" "$(enter --no-new-privs "$privileges")" 1
  gone
done
exit $changed
