#!/usr/bin/env bash
# cgroup.procs lists a group's processes.  Those that the reader's PID namespace does not have are left out by control groups v1; v2
# lists each as 0, and a 0 that is written means the writer: a loop that moves what it has read moves its own shell.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a control group and a PID namespace are made as root"
deb util-linux=2.38.1-5+deb12u3
echo "Linux $(uname -r | cut -d. -f1,2)"
two=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
one=$(awk '$3 == "cgroup" && $4 ~ /(^|,)(pids|freezer)(,|$)/ { print $2; exit }' /proc/self/mounts)
[ -n "$one" ] && [ -n "$two" ] || untried "control groups v1 and v2 are not both mounted here"
name=finding-$$
groups=("$one/$name" "$two/$name" "$two/$name-other")
running=
trap '[ -z "$running" ] || kill $running; rmdir "${groups[@]}" 2>/dev/null || true; rm -rf "$here"' EXIT
mkdir "${groups[@]}" 2>said || untried "no group can be made: $(cat said)"
sleep 600 &
outside=$! running=$!
for group in "${groups[@]:0:2}"; do echo $outside >"$group/cgroup.procs"; done
inside() { deb/usr/bin/unshare --pid --fork --mount-proc sh -c "$1" sh "${groups[@]}" 2>said || echo "$(cat said)"; }
v1=$(inside 'cat "$1/cgroup.procs"' | paste -sd' ')
v2=$(inside 'cat "$2/cgroup.procs"' | paste -sd' ')
moved=$(inside 'for process in $(cat "$2/cgroup.procs"); do echo "$process" >"$3/cgroup.procs"; done; sed -n s/^0:://p /proc/self/cgroup')
left=$(cat "${groups[1]}/cgroup.procs")
kill $outside && wait $outside 2>/dev/null || true
running=
expect "v1, from another PID namespace" "$v1" ""
expect "v2, from another PID namespace" "$v2" 0
expect "the shell that moved it is in the other group" "$([[ $moved = */$name-other ]] && echo yes || echo "$moved")" yes
expect "the process is where it was" "$([ "$left" = $outside ] && echo yes)" yes
exit $changed
