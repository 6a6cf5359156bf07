#!/usr/bin/env bash
# A program that is not found is 127 and one that cannot be run 126: so say shells, env(1), docker run, and tini.  Below
# dumb-init both are 2, below catatonit 1: what a program of the image's own may end with, too.
. "$(dirname "$0")/lib.sh"
deb tini=0.19.0-1+b3 dumb-init=1.2.5-2 catatonit=0.1.7-1+b2
export LD_LIBRARY_PATH=
as_init() { unshare --pid --fork --mount-proc "$@" >/dev/null 2>&1; }
as_init true || untried "namespaces are made as root here"
status() { if as_init "$@"; then echo 0; else echo $?; fi; }
touch "$here/no-program"
for init in tini dumb-init catatonit; do
  case $init in tini) wanted="127 126" ;; dumb-init) wanted="2 2" ;; catatonit) wanted="1 1" ;; esac
  expect "$init: not found, not to be run" "$(status $init -- "$here/nowhere") $(status $init -- "$here/no-program")" "$wanted"
  expect "$init: what the program ends with" "$(status $init -- sh -c 'exit 37')" 37
done
exit $changed
