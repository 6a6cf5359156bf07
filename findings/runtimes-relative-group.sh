#!/usr/bin/env bash
# `cgroupsPath: "box"`, without a slash before it, is below where the runtime puts such groups, says the OCI specification.  With runc
# that is the group of its caller, whose limits hold for the container; with crun it is the top, and they do not.  "/box" is at the top
# with both.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
tree=$(awk '$3 == "cgroup" && $4 ~ /(^|,)pids(,|$)/ { print $2; exit }' /proc/self/mounts)
[ -n "$tree" ] || untried "no pids controller of control groups v1"
around=finding-$$-around box=finding-$$-box
# Of each tree the groups that the runtimes leave behind, the lowest first.
clear() { find /sys/fs/cgroup -mindepth 2 -depth -type d \( -name "$box" -o -name "$around" \) -exec rmdir {} + 2>/dev/null || true; }
trap 'clear; rm -rf "$here"' EXIT
mkdir "$tree/$around" || untried "no group can be made"
place() { # RUNTIME PATH: the container's group of processes, as the host sees it
  (
    echo $BASHPID >"$tree/$around/cgroup.procs"
    run "$1" "c['linux']['namespaces'] = [one for one in c['linux']['namespaces'] if one['type'] != 'cgroup']
c['linux']['cgroupsPath'] = '$2'
c['linux']['resources'] = {'pids': {'limit': 50}}" grep pids: /proc/self/cgroup
  ) | sed -n "s#.*:pids:.*/\($around/$box\)\$#below its caller's#p; s#.*:pids:/$box\$#at the top#p"
  clear
  mkdir -p "$tree/$around"
}
expect "runc, relative" "$(place runc "$box")" "below its caller's"
expect "crun, relative" "$(place crun "$box")" "at the top"
expect "runc, absolute" "$(place runc "/$box")" "at the top"
expect "crun, absolute" "$(place crun "/$box")" "at the top"
exit $changed
