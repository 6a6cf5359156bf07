#!/usr/bin/env bash
# A directory is bound into a container with `rbind` and nothing else, and the host mounts something in it afterwards.  Below runc the
# container sees it, below crun it does not: without linux.rootfsPropagation, which the OCI specification leaves open, runc makes the
# container's mounts slaves of the host's and crun makes them private.  With "rslave" or "rprivate" there the two agree.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
mkdir -p source/below
seen() { # RUNTIME PROPAGATION: whether a mount of the host's, made after the start, is there
  configure "c['mounts'].append({'destination': '/data', 'type': 'bind', 'source': '$here/source', 'options': ['rbind']})
if '$2': c['linux']['rootfsPropagation'] = '$2'" sleep 600
  # In a mount namespace that stands for the host's, so that what is mounted ends with it.  Without v2, as `ask` has it.
  unshare --mount sh -euc '
    umount /sys/fs/cgroup/unified 2>/dev/null || true
    mount --bind source source && mount --make-rshared source
    runtime="$1 --root state" name=$2
    $runtime run --detach "$name" </dev/null >/dev/null 2>stderr
    mount -t tmpfs tmpfs source/below
    $runtime exec "$name" grep -q " /data/below " /proc/self/mounts && echo there || echo "not there"
    $runtime delete --force "$name" >/dev/null
  ' sh "$1" "finding-$$-$RANDOM" || untried "$1 starts nothing here: $(tail -1 stderr)"
}
expect "runc" "$(seen runc '')" there
expect "crun" "$(seen crun '')" "not there"
expect "runc, rootfsPropagation rslave" "$(seen runc rslave)" there
expect "crun, rootfsPropagation rslave" "$(seen crun rslave)" there
expect "runc, rootfsPropagation rprivate" "$(seen runc rprivate)" "not there"
expect "crun, rootfsPropagation rprivate" "$(seen crun rprivate)" "not there"
exit $changed
