#!/usr/bin/env bash
# Who is handed open sockets finds their number in LISTEN_FDS, and in LISTEN_PID whom they are for: nobody else takes them
# (sd_listen_fds(3)).  runc keeps to it.  crun hands the descriptors into the container whomever they are for, so a container
# that a service starts by way of another program has the service's sockets; and it sets LISTEN_PID there and leaves
# LISTEN_FDS out, so the container that they are for is told of none.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
ln -s busybox root/bin/readlink
configure "" sh -c 'echo "LISTEN_PID=${LISTEN_PID-none} LISTEN_FDS=${LISTEN_FDS-none}"; readlink /proc/$$/fd/3 || echo closed'
for runtime in runc crun; do
  for for_whom in "the runtime" another; do
    seen=$(
      exec 3</dev/zero
      export LISTEN_FDS=1
      for_whom=$for_whom unshare --mount sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null
        case $for_whom in another) LISTEN_PID=1 ;; *) LISTEN_PID=$$ ;; esac
        export LISTEN_PID; unset for_whom; exec "$@"' sh $runtime --root "$here/state" run "finding-$$-$RANDOM" </dev/null 2>stderr
    ) || untried "$runtime starts nothing here: $(tail -1 stderr)"
    case $runtime-$for_whom in
      "runc-the runtime") wanted="LISTEN_PID=1 LISTEN_FDS=1 /dev/zero" ;;
      runc-another) wanted="LISTEN_PID=none LISTEN_FDS=none closed" ;;
      *) wanted="LISTEN_PID=1 LISTEN_FDS=none /dev/zero" ;;
    esac
    expect "$runtime, a descriptor for $for_whom" "$(echo $seen)" "$wanted"
  done
done
exit $changed
