#!/bin/sh
# runsc as runc's shim starts it, where gVisor's own shim is not installed: Debian's package has none.
# A pod is one sandbox, and its first container that.  Of a further one runsc wants input and output at `start`, and its
# process is the sandbox's; runc's shim has them for `create` alone, and waits for the process it is told.  So a process of
# ours keeps them from `create` to `start`, and then waits for the container: that one the shim is told.
set -eu
runsc='{runsc}' kept='{kept}'
command='' bundle='' pids='' root='' id='' before=''
for word; do
  case $before in
  --bundle) bundle=$word ;;
  --pid-file) pids=$word ;;
  --root) root=$word ;;
  *) case $word in create | start | kill | delete) command=${command:-$word} ;; esac ;;
  esac
  before=$word id=$word
done
place=$kept/$id
keep() {
  read -r _ <"$place/started"
  said=$("$runsc" --root "$root" wait "$id" 2>/dev/null) || said='"exitStatus":137'
  exit "$(echo "$said" | sed -n 's/.*"exitStatus": *\([0-9]*\).*/\1/p')"
}
# runsc of 2022 takes a network for the host's where it sees /proc/sys/net/core/rmem_default: since Linux 6.12
# every network has it.
start() {
  unshare --mount --propagation private sh -c 'mount -t tmpfs tmpfs /proc/sys/net && exec "$0" "$@"' "$runsc" "$@"
}
case $command in
create)
  "$runsc" "$@"
  if grep -q '"io.kubernetes.cri.container-type": *"container"' "$bundle/config.json"; then
    mkdir "$place"
    mkfifo "$place/started"
    exec 3<&0 # dash gives what runs in the background no input but by name
    keep <&3 3<&- &
    echo $! >"$place/pid"
    printf %s $! >"$pids"
  fi
  ;;
start)
  if [ -d "$place" ]; then
    io=/proc/$(cat "$place/pid")/fd
    start "$@" <"$io/0" >"$io/1" 2>"$io/2"
    echo >"$place/started"
  else
    start "$@"
  fi
  ;;
kill)
  # In the words by which the shim knows that there is nothing to kill any more.
  said=$("$runsc" "$@" 2>&1) || {
    echo "container not running: $said" >&2
    exit 1
  }
  ;;
delete)
  status=0
  "$runsc" "$@" || status=$?
  if [ -d "$place" ]; then
    kill "$(cat "$place/pid")" 2>/dev/null || :
    rm -r "$place"
  fi
  exit $status
  ;;
*) exec "$runsc" "$@" ;;
esac
