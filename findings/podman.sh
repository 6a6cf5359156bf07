# Sourced after lib.sh: Podman of Debian 12, with its store, its state and its locks below $here and nowhere else.  Wants root.
# (Podman's own locks are one file in /dev/shm for all of root's stores, and a store's first command frees each lock in it.)
[ "$(id -u)" = 0 ] || untried "podman runs as root here"
deb podman=4.3.1+ds1-8+deb12u1+b3 conmon=2.1.6+ds1-1 crun=1.8.1-1+deb12u1
# crun makes the directory of its state when it is asked for its version, too.
for program in podman conmon crun; do
  XDG_RUNTIME_DIR=$here "$program" --version >/dev/null 2>&1 || untried "$program wants libraries that are not here"
done
mkdir networks
# crun 1.8 starts nothing where control groups are hybrid: it sees the v1 trees alone here.
cat >crun.sh <<SH
#!/bin/sh
exec unshare --mount sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "\$@"' sh "$here/deb/usr/bin/crun" --root "$here/crun" "\$@"
SH
chmod 755 crun.sh
# static_dir: where the podman that conmon starts after a container, with --root, looks; another one waits 20 s for it.
cat >containers.conf <<TOML
[engine]
cgroup_manager = "cgroupfs"
conmon_path = ["$here/deb/usr/bin/conmon"]
events_logger = "none"
lock_type = "file"
runtime = "crun"
static_dir = "$here/store/libpod"
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
# What conmon starts after a container may still write there.
trap 'for _ in 1 2 3 4 5; do rm -rf "$here" 2>/dev/null && break; sleep 1; done' EXIT
# boxed OPTION ... IMAGE ARG ...: `podman run` without network and control groups, and with limits that each root may set.
boxed() { podman run --rm --network none --cgroups disabled --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"; }
