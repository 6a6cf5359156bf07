#!/usr/bin/env bash
# "If a namespaces field contains duplicated namespaces with same type, the runtime MUST generate an error" (OCI runtime specification,
# config-linux.md, Namespaces).  runc does.  crun starts the container; of two entries, one for a new network namespace and one
# for an existing one, the existing one counts, whatever their order.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
ln -s busybox root/bin/readlink
host=$(readlink /proc/self/ns/net)
new="{'type': 'network'}" existing="{'type': 'network', 'path': '/proc/self/ns/net'}"
of() { # RUNTIME ENTRY ...: whose network namespace a container of these entries has
  local runtime=$1 entries
  shift
  entries=$(IFS=,; echo "$*")
  run "$runtime" "c['linux']['namespaces'] = [one for one in c['linux']['namespaces'] if one['type'] != 'network'] + [$entries]" \
    readlink /proc/self/ns/net >seen || { grep -o -i 'duplicated' stderr || tail -1 stderr; return 0; }
  [ "$(cat seen)" = "$host" ] && echo "its caller's" || echo "a new one"
}
for runtime in runc crun; do expect "$runtime, a new one" "$(of $runtime "$new")" "a new one"; done
for pair in new-new new-existing existing-new; do
  first=${pair%-*} second=${pair#*-}
  wanted="its caller's"
  [ $pair != new-new ] || wanted="a new one"
  expect "runc, $first, then $second" "$(of runc "${!first}" "${!second}")" duplicated
  expect "crun, $first, then $second" "$(of crun "${!first}" "${!second}")" "$wanted"
done
exit $changed
