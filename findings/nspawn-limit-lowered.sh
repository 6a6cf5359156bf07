#!/usr/bin/env bash
# `--rlimit=NOFILE=N` with an N above what the kernel allows (fs.nr_open) is no error to systemd-nspawn: it sets another
# limit, the caller's, says nothing, and ends with 0.  prlimit(1) with the same number is refused.
# Root; no network is made.
. "$(dirname "$0")/lib.sh"
set -o pipefail
[ "$(id -u)" = 0 ] || untried "systemd-nspawn is for root"
deb systemd-container=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 busybox-static=1:1.35.0-4+deb12u1+b1
export LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$LD_LIBRARY_PATH/systemd"
mkdir -p root/bin root/usr
cp deb/bin/busybox root/bin/sh
box() {
  SYSTEMD_NSPAWN_LOCK=0 systemd-nspawn --quiet --register=no --keep-unit --pipe --settings=no --link-journal=no \
    --machine="finding-$$" --directory="$here/root" "$@" 2>&1 | sed "/^Attempted to remove disk file system/d"
}
systemd-nspawn --version | head -n 1
most=$(cat /proc/sys/fs/nr_open)
hard=$(ulimit -Hn)
[ "$hard" != unlimited ] && [ "$hard" -le "$most" ] || untried "the caller's own limit is above fs.nr_open"
expect "prlimit, $((most + 1)) open files" "$(prlimit --nofile=$((most + 1)) true 2>/dev/null && echo set || echo refused)" refused
expect "systemd-nspawn, the same: hard limit" "$(box --rlimit=NOFILE=$((most + 1)) /bin/sh -c 'ulimit -Hn')" "$hard"
expect "status" "$(box --rlimit=NOFILE=$((most + 1)) /bin/sh -c 'exit 0' && echo 0)" 0
expect "a limit below it" "$(box --rlimit=NOFILE=100 /bin/sh -c 'ulimit -Hn')" 100
rmdir "/run/systemd/nspawn/propagate/finding-$$" 2>/dev/null || true
exit $changed
