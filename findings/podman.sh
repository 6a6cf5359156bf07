# Sourced after lib.sh: Podman of Debian 12, with its store, its state and its locks below $here and nowhere else.  Wants root.
# (Podman's own locks are one file in /dev/shm for all of root's stores, and a store's first command frees each lock in it.)
[ "$(id -u)" = 0 ] || untried "podman runs as root here"
deb podman=4.3.1+ds1-8+deb12u1+b3 conmon=2.1.6+ds1-1 crun=1.8.1-1+deb12u1
# crun makes the directory of its state when it is asked for its version, too.
for program in podman conmon crun; do
  XDG_RUNTIME_DIR=$here "$program" --version >/dev/null 2>&1 || untried "$program wants libraries that are not here"
done
mkdir networks
printf '#!/bin/sh\nexec "%s" --root "%s" "$@"\n' "$here/deb/usr/bin/crun" "$here/crun" >crun.sh && chmod 755 crun.sh
cat >containers.conf <<TOML
[engine]
cgroup_manager = "cgroupfs"
conmon_path = ["$here/deb/usr/bin/conmon"]
events_logger = "none"
lock_type = "file"
runtime = "crun"
static_dir = "$here/state"
tmp_dir = "$here/tmp"
volume_path = "$here/volumes"
[engine.runtimes]
crun = ["$here/crun.sh"]
[network]
network_config_dir = "$here/networks"
TOML
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$here/store" "$here/run" >storage.conf
export CONTAINERS_CONF=$here/containers.conf CONTAINERS_STORAGE_CONF=$here/storage.conf
podman --version
