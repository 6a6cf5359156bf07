#!/usr/bin/env bash
# An image's `Volumes` are places to write to; Docker and Podman put a volume there with what the image has at that place.  The
# configuration that umoci writes beside the unpacked tree has an empty tmpfs there: what the image has at that place is in the
# tree, and a container of runc or crun does not see it.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
deb umoci=0.4.7+ds-3+b7
umoci --version
mkdir -p root/srv/data && echo content >root/srv/data/file
umoci init --layout image && umoci new --image image:one
umoci config --image image:one --config.volume /srv/data
tar -cf layer.tar -C root . && umoci raw add-layer --image image:one layer.tar >/dev/null
umoci unpack --image image:one bundle >/dev/null 2>&1
expect "the image's file, in the tree" "$(cat bundle/rootfs/srv/data/file)" content
for runtime in runc crun; do
  volume="json.load(open('bundle/config.json'))['mounts']"
  change="c['mounts'] += [one for one in $volume if one['destination'] == '/srv/data']"
  expect "$runtime, what is mounted there" "$(run $runtime "$change" grep ' /srv/data ' /proc/mounts | cut -d' ' -f2,3)" \
    "/srv/data tmpfs"
  expect "$runtime, the image's file" \
    "$(run $runtime "$change" sh -c '[ -e /srv/data/file ] && echo there || echo "not there"')" "not there"
done
exit $changed
