#!/usr/bin/env bash
# `kill CONTAINER SIGNAL` takes a name or a number, and names are what `kill -l` lists, says runc's manual.  The real-time signals, by
# which systemd in a container is told to halt (SIGRTMIN+3), are names to crun.  To runc they are unknown, and numbers alone; and so are
# SIGIOT, SIGPOLL and SIGCLD, which are other names of SIGABRT, SIGIO and SIGCHLD.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
taken() { # RUNTIME SIGNAL, of a container that writes down when 37 arrives
  local name=finding-$$-$RANDOM
  rm -f root/arrived root/ready
  configure "" sh -c 'trap "echo 37 >/arrived" 37; echo >/ready; while :; do sleep 0.1; done'
  ask "$1" run --detach "$name" >/dev/null
  for _ in $(seq 100); do [ -e root/ready ] && break; sleep 0.1; done
  if ask "$1" kill "$name" "$2"; then
    for _ in $(seq 20); do [ -e root/arrived ] && break; sleep 0.1; done
    [ -e root/arrived ] && echo "37 arrives" || echo taken
  else
    grep -q -i "unknown signal" stderr && echo unknown || tail -1 stderr
  fi
  ask "$1" delete --force "$name" >/dev/null
}
expect "SIGRTMIN+3 to kill(1) of this shell" "$(kill -l RTMIN+3)" 37
expect "runc, 37" "$(taken runc 37)" "37 arrives"
expect "crun, 37" "$(taken crun 37)" "37 arrives"
expect "runc, SIGRTMIN+3" "$(taken runc SIGRTMIN+3)" unknown
expect "crun, SIGRTMIN+3" "$(taken crun SIGRTMIN+3)" "37 arrives"
for signal in SIGIOT SIGPOLL SIGCLD; do
  expect "runc, $signal" "$(taken runc $signal)" unknown
  expect "crun, $signal" "$(taken crun $signal)" taken
done
exit $changed
