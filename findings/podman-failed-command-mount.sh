#!/usr/bin/env bash
# A podman that only asks leaves the machine as it was.  With the storage driver overlay, root's podman binds the driver's directory
# to itself while it works, so that no mount below it spreads, and takes the mount away at the end.  Where the command fails, as
# `podman rm` and `podman inspect` do with a name that there is not, the mount stays, until the next command that succeeds.
. "$(dirname "$0")/lib.sh"
. "$beside/podman.sh"
sed -i 's/"vfs"/"overlay"/' storage.conf
export here
# In a mount namespace, so that what stays there ends with it.
unshare --mount bash -euc '
  mounts() { grep -c " $here/store" /proc/self/mountinfo || true; }
  podman images >/dev/null 2>said || exit 3
  echo "images $? $(mounts)"
  for command in inspect rm; do
    status=0
    podman $command nosuch >/dev/null 2>&1 || status=$?
    echo "$command $status $(mounts)"
    podman images >/dev/null
    echo "images $? $(mounts)"
  done
  status=0
  podman image exists nosuch || status=$?
  echo "exists $status $(mounts)"
' >seen 2>error || untried "podman has no store on overlay here: $(tail -n 1 said error)"
expect "podman images: status, and mounts below its store afterwards" "$(sed -n 's/^images //p' seen | sort -u)" "0 0"
expect "podman inspect nosuch" "$(sed -n 's/^inspect //p' seen)" "125 1"
expect "podman rm nosuch" "$(sed -n 's/^rm //p' seen)" "1 1"
expect "podman image exists nosuch, which answers by its status" "$(sed -n 's/^exists //p' seen)" "1 0"
exit $changed
