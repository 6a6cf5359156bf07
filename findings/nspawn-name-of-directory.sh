#!/usr/bin/env bash
# systemd-nspawn refuses a machine's name with an underscore.  Where no name is given, it takes the directory's and leaves
# out what no name may have: `web_1` and `web1` are one machine, and have one host name.
# Root; no network is made.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "systemd-nspawn is for root"
deb systemd-container=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 busybox-static=1:1.35.0-4+deb12u1+b1
export LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$LD_LIBRARY_PATH/systemd"
box() {
  SYSTEMD_NSPAWN_LOCK=0 systemd-nspawn --quiet --register=no --keep-unit --pipe --settings=no --link-journal=no "$@" 2>&1 |
    sed "/^Attempted to remove disk file system/d"
}
systemd-nspawn --version | head -n 1
one=f${RANDOM}
for name in "${one}_1" "${one}1" "_$one" "$one..1"; do
  mkdir -p "$name/bin" "$name/usr" && cp deb/bin/busybox "$name/bin/hostname"
done
expect "--machine" "$(box --machine="${one}_1" --directory="$here/${one}_1" /bin/hostname | sed "s/$one/NAME/")" "Invalid machine name: NAME_1"
for pair in "${one}_1 ${one}1" "${one}1 ${one}1" "_$one $one" "$one..1 $one.1"; do
  read -r name wanted <<<"$pair"
  expect "the directory ${name/$one/NAME}" "$(box --directory="$here/$name" /bin/hostname | sed "s/$one/NAME/")" "${wanted/$one/NAME}"
  rmdir "/run/systemd/nspawn/propagate/$wanted" 2>/dev/null || true
done
exit $changed
