#!/usr/bin/env bash
# A small init starts its one program as it was started itself.  tini and dumb-init set the signal mask back before they
# do; a program below catatonit, the init of Podman, has SIGTSTP, SIGTTIN and SIGTTOU blocked.
. "$(dirname "$0")/lib.sh"
deb tini=0.19.0-1+b3 dumb-init=1.2.5-2 catatonit=0.1.7-1+b2
export LD_LIBRARY_PATH=
as_init() { unshare --pid --fork --mount-proc "$@"; }
as_init true 2>/dev/null || untried "namespaces are made as root here"
blocked() { as_init "$@" sed -n 's/^SigBlk:\t0*\(.\)/\1/p' /proc/self/status; }
for init in tini dumb-init catatonit; do
  case $init in catatonit) mask=380000 ;; *) mask=0 ;; esac
  expect "$init: signals that its program has blocked" "$(blocked $init --)" "$mask"
done
exit $changed
