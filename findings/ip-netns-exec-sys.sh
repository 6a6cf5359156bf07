#!/usr/bin/env bash
# `ip netns exec` runs a program in another network namespace, and in another mount namespace with another /sys, that of the network
# namespace's links.  What was mounted below /sys is not there: no control groups, no security file systems.  nsenter(1) into the
# same network namespace leaves /sys as it is.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a network namespace is made as root"
deb iproute2=6.1.0-3
mountpoint -q /sys/fs/cgroup || untried "nothing is mounted on /sys/fs/cgroup"
ip -V
# In a mount namespace with a /run of its own, so that the namespace's name ends with it.
unshare --mount --net sh -euc '
  mount -t tmpfs tmpfs /run
  ip netns add one
  below() { grep -c " /sys/" /proc/self/mounts || true; }
  below >before
  ip netns exec one sh -c "grep -c \" /sys/\" /proc/self/mounts || true; ls -A /sys/fs/cgroup" >exec
  nsenter --net=/run/netns/one grep -c " /sys/" /proc/self/mounts >nsenter
' 2>said || untried "no network namespace: $(tail -1 said)"
expect "mounts below /sys" "$([ "$(cat before)" -gt 0 ] && echo some)" some
expect "with ip netns exec" "$(head -1 exec)" 0
expect "names in /sys/fs/cgroup with ip netns exec" "$(tail -n +2 exec | wc -l)" 0
expect "with nsenter --net, as many as before" "$([ "$(cat nsenter)" = "$(cat before)" ] && echo yes)" yes
exit $changed
