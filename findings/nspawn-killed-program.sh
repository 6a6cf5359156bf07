#!/usr/bin/env bash
# A box whose program is killed by a signal ends with 128 and the signal's number, as a shell does: runc, crun and bubblewrap do.
# systemd-nspawn, of which the manual says that the program's exit code is returned, ends with 1, and with 255 with `--as-pid2`,
# whatever the signal was: what a program of the container's may end with by itself.
# Root; no network is made.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
deb systemd-container=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 bubblewrap=0.8.0-2+deb12u1
export LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$LD_LIBRARY_PATH/systemd"
mkdir -p root/usr
nspawn() {
  SYSTEMD_NSPAWN_LOCK=0 systemd-nspawn --quiet --register=no --keep-unit --pipe --settings=no --link-journal=no \
    --machine="finding-$$" --directory="$here/root" "$@" >said 2>&1
}
status() { "$@" && echo 0 || echo $?; }
systemd-nspawn --version | head -n 1
bwrap --version
bwrap --bind root / /bin/sh -c 'exit 0' 2>said || untried "bwrap starts nothing here: $(cat said)"
# The first process of a PID namespace cannot kill itself.  The kernel can, when it has used up its second.
killed='ulimit -t 1; while :; do :; done'
for number in 0 3; do expect "systemd-nspawn, a program that ends with $number" "$(status nspawn /bin/sh -c "exit $number")" $number; done
for runtime in runc crun; do expect "$runtime, killed" "$(status run $runtime "" sh -c "$killed")" 137; done
expect "bubblewrap, killed" "$(status bwrap --unshare-pid --as-pid-1 --bind root / /bin/sh -c "$killed")" 137
expect "systemd-nspawn, killed" "$(status nspawn /bin/sh -c "$killed")" 1
expect "what it says" "$(grep -o 'terminated by signal KILL' said)" "terminated by signal KILL"
for signal in KILL TERM; do
  expect "bubblewrap as process 1 above it, SIG$signal" "$(status bwrap --unshare-pid --bind root / /bin/sh -c "kill -$signal \$\$")" $((128 + $(kill -l $signal)))
  expect "systemd-nspawn --as-pid2, SIG$signal" "$(status nspawn --as-pid2 /bin/sh -c "kill -$signal \$\$")" 255
done
rmdir "/run/systemd/nspawn/propagate/finding-$$" 2>/dev/null || true
exit $changed
