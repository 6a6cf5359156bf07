#!/usr/bin/env bash
# systemd leaves units out in a container (ConditionVirtualization), and systemd-detect-virt tells whether this is one.  An empty file
# /.dockerenv is enough: Docker makes one in each container, and `docker export` has it in the archive.  A virtual machine whose root file
# system was made of such an archive is a Docker container to systemd-detect-virt, which does not look at the processor any more.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a root directory of its own is made as root"
deb systemd=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 libsystemd0=252.39-1~deb12u2
export LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$LD_LIBRARY_PATH/systemd:$here/deb/lib/x86_64-linux-gnu"
systemd-detect-virt --version | head -1 || untried "systemd-detect-virt wants libraries that are not here"
# A root directory with the machine's programs and /proc in it, and no file that tells what this is.
mkdir new
detect() { # FILE OPTION: what systemd-detect-virt says with this file in the root directory
  root=$here/new program=$(type -P systemd-detect-virt) here=$here unshare --mount sh -euc '
    mount -t tmpfs tmpfs "$root"
    for name in usr bin sbin lib lib64 proc sys dev "$here"; do
      [ -d "/${name#/}" ] || continue
      mkdir -p "$root/$name" && mount --rbind "/${name#/}" "$root/$name"
    done
    mkdir -p "$root/$(dirname "$1")" && touch "$root/$1"
    chroot "$root" "$program" $2 || true' sh "$@"
}
seen=$(detect some-file --container)
[ "$seen" = none ] || untried "this machine is $seen for another reason"
expect "with a file /some-file" "$seen" none
expect "with a file /.dockerenv" "$(detect .dockerenv --container)" docker
expect "the same, without an option" "$(detect .dockerenv "")" docker
expect "with a file /run/.containerenv" "$(detect run/.containerenv --container)" podman
exit $changed
