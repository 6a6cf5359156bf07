#!/usr/bin/env bash
# `crun run CONTAINER >log` writes a file of the caller's, and the file is the container's user's afterwards: a runtime gives the
# container's user its standard streams, so that /dev/stdout can be opened, and a file is one of them.  runc does so with `--detach`
# alone, as a container that it waits for has pipes; crun does so always, and with the group.  Neither manual says so.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
user="c['process']['user'] = {'uid': 1000, 'gid': 1001}"
owner() { stat -c %u:%g log; }
fresh() { rm -f log && (umask 077 && : >log); }
started() { # RUNTIME [--detach]
  local name=finding-$$-$RANDOM
  fresh
  configure "$user" sh -c 'echo said'
  ask "$1" run "${@:2}" "$name" >>log
  for _ in $(seq 100); do grep -q said log && break; sleep 0.1; done
  ask "$1" delete --force "$name" >/dev/null 2>&1 || true
  owner
}
entered() { # RUNTIME
  fresh
  begin "$1" ""
  ask "$1" exec --user 1000:1001 "$name" sh -c 'echo said' >>log
  gone
  owner
}
mine=$(id -u):$(id -g)
expect "runc run" "$(started runc)" "$mine"
expect "runc run --detach" "$(started runc --detach)" "1000:${mine#*:}"
expect "runc exec" "$(entered runc)" "$mine"
expect "crun run" "$(started crun)" 1000:1001
expect "crun run --detach" "$(started crun --detach)" 1000:1001
expect "crun exec" "$(entered crun)" 1000:1001
exit $changed
