#!/usr/bin/env bash
# `--user 1000 --cap-add NET_ADMIN` lets the container's user have NET_ADMIN by way of a program that has it (set-user-ID, or a file's
# capability); the user's own programs have none, with Docker.  With Podman they have it, and hand it on (it is ambient).  `--privileged`,
# which gives more, gives the user nothing.  The manual says "Add Linux capabilities".
. "$(dirname "$0")/lib.sh"
. "$beside/podman.sh"
deb busybox-static=1:1.35.0-4+deb12u1+b1
mkdir -p root/bin root/proc root/sys root/dev && cp deb/bin/busybox root/bin/busybox && ln -s busybox root/bin/grep
tar -C root -c . | podman import --quiet - localhost/finding >/dev/null 2>said || untried "podman has no store here: $(tail -1 said)"
sets() { # OPTION ...: those of a program of the container's that have NET_ADMIN, 12
  local set mask found=()
  boxed "$@" localhost/finding grep '^Cap\(Bnd\|Eff\|Amb\)' /proc/self/status >seen 2>said || untried "podman starts nothing here: $(tail -1 said)"
  while IFS=$':\t' read -r set mask; do [ $(((0x$mask >> 12) & 1)) = 0 ] || found+=("${set#Cap}"); done <seen
  echo "${found[*]}"
}
expect "root" "$(sets)" ""
expect "root, --cap-add NET_ADMIN" "$(sets --cap-add NET_ADMIN)" "Eff Bnd"
expect "user 1000" "$(sets --user 1000)" ""
expect "user 1000, --cap-add NET_ADMIN" "$(sets --user 1000 --cap-add NET_ADMIN)" "Eff Bnd Amb"
expect "user 1000, --privileged" "$(sets --user 1000 --privileged)" Bnd
exit $changed
