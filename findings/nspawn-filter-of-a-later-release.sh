#!/usr/bin/env bash
# `--system-call-filter=~@sandbox` asks for a group of calls that later releases of systemd have.  systemd-nspawn 252 knows
# none of that name, starts the container without that part of the filter, says nothing, and ends with 0.
# Root; no network is made.
. "$(dirname "$0")/lib.sh"
set -o pipefail
[ "$(id -u)" = 0 ] || untried "systemd-nspawn is for root"
deb systemd-container=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 busybox-static=1:1.35.0-4+deb12u1+b1
export LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$LD_LIBRARY_PATH/systemd"
mkdir -p root/bin root/usr
cp deb/bin/busybox root/bin/busybox
cp deb/bin/busybox root/bin/sh
box() {
  SYSTEMD_NSPAWN_LOCK=0 systemd-nspawn --quiet --register=no --keep-unit --pipe --settings=no --link-journal=no \
    --machine="finding-$$" --directory="$here/root" "$@" 2>&1 | sed "/^Attempted to remove disk file system/d"
}
systemd-nspawn --version | head -n 1
changes='/bin/busybox chown 0 /bin/sh 2>/dev/null && echo done || echo refused'
expect "chown(2), without a filter of ours" "$(box /bin/sh -c "$changes")" "done"
expect "the same with ~@chown, which it knows" "$(box --system-call-filter=~@chown /bin/sh -c "$changes")" refused
expect "with ~@sandbox, what it says" "$(box --system-call-filter=~@sandbox /bin/sh -c 'exit 0')" ""
expect "with ~@sandbox, status" "$(box --system-call-filter=~@sandbox /bin/sh -c 'exit 0' && echo 0)" 0
rmdir "/run/systemd/nspawn/propagate/finding-$$" 2>/dev/null || true
exit $changed
