#!/usr/bin/env bash
# A configuration asks for a soft limit of open files below the hard one.  The first process always has both.  A process
# that enters by `exec` of this runc has now one and now the other: runc sets its limits from outside while it starts, and
# a Go program raises its own soft limit to the hard one when it starts.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
begin runc "c['process']['rlimits'] = [{'type': 'RLIMIT_NOFILE', 'soft': 77, 'hard': 300}]"
first=$(ask runc state "$name" | python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])')
expect "runc, first process" "$(awk '/^Max open files/ {print $4, $5}' "/proc/$first/limits")" "77 300"
seen="" count=0
while [ "$(echo "$seen" | sort -nu | xargs)" != "77 300" ] && [ $count -lt 100 ]; do
  seen="$seen
$(enter 'ulimit -Sn')" count=$((count + 1))
done
echo "after $count entries"
expect "runc, exec, soft limits seen" "$(echo "$seen" | sort -nu | xargs)" "77 300"
gone
exit $changed
