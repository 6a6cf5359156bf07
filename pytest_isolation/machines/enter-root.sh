#!/bin/sh
# Enter the root of another Debian release and run a command there: enter-root.sh ROOT PLACE SUITE REPORTS GROUPS COMMAND…
# ROOT stays as it is: what is written goes to memory below PLACE, an empty directory, and ends with this mount namespace.
# GROUPS are the directories of a control group on each hierarchy, a line each: the root of all groups that the command sees.
# Run in new mount, PID, network, IPC and UTS namespaces, with private propagation; by no other name would a SIGKILL
# leave nothing (man:unshare(1), --kill-child).
set -eu
root=$1 place=$2 suite=$3 reports=$4 groups=$5
if [ -n "$groups" ]; then
  # By itself: who started this shell must not be in the group, or it could hand no controllers down on v2.
  echo "$groups" | while read -r group; do echo $$ >"$group/cgroup.procs"; done
  shift 5
  exec unshare --cgroup sh "$0" "$root" "$place" "$suite" "$reports" "" "$@"
fi
shift 5
mount -t tmpfs -o mode=700 pytest-isolation "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay -o "lowerdir=$root,upperdir=$place/upper,workdir=$place/work" pytest-isolation "$place/root"
# Which hierarchies this host has, before its own /sys is out of sight.
groups=$(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2, $3, $4 }' /proc/self/mounts)
cd "$place/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs dev/shm
for directory in run tmp var/lib/docker var/lib/containers; do
  mkdir -p "$directory"
  mount -t tmpfs tmpfs "$directory"
done
chmod 1777 tmp
case $groups in
"/sys/fs/cgroup cgroup2 "*)
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  # A group with processes in it hands no controllers down: cgroups(7).
  mkdir sys/fs/cgroup/init
  while read -r pid; do echo "$pid" >sys/fs/cgroup/init/cgroup.procs; done <sys/fs/cgroup/cgroup.procs
  sed 's/\([^ ]*\)/+\1/g' sys/fs/cgroup/cgroup.controllers >sys/fs/cgroup/cgroup.subtree_control
  ;;
*)
  mount -t tmpfs -o mode=755 cgroup sys/fs/cgroup
  echo "$groups" | while read -r where kind options; do
    mkdir -p ".$where"
    case $kind in
    cgroup2) mount -t cgroup2 cgroup2 ".$where" ;;
    cgroup) mount -t cgroup -o "$(echo "$options" | tr , '\n' | grep -v -e '^rw$' -e '^ro$' -e time$ -e '^no' | paste -sd,)" cgroup ".$where" ;;
    esac
  done
  ;;
esac
mkdir -p opt/suite/site-packages root/reports mnt
mount --bind "$suite" opt/suite/site-packages
mount -o remount,bind,ro opt/suite/site-packages
mount --bind "$reports" root/reports
hostname pytest-isolation-root
# Not chroot(2): a container of a daemon in a plain chroot can leave it.
pivot_root . mnt
cd /
umount -l /mnt
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ip link set lo up
if command -v dockerd >/dev/null; then
  dockerd >/run/dockerd.log 2>&1 &
  tries=120
  until [ -S /run/docker.sock ] && docker version >/dev/null 2>&1; do
    tries=$((tries - 1))
    if [ "$tries" = 0 ] || ! kill -0 $!; then
      echo "dockerd did not start in the root; its last lines:" >&2
      tail -5 /run/dockerd.log >&2
      break
    fi
    sleep 0.5
  done
fi
cd /root/reports
# As PID 1: it takes signals, and collects what the daemon leaves.
exec tini -- "$@"
