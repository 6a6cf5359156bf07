#!/usr/bin/env bash
# `--tmpfs /data` is a new file system in memory, and empty, as with Docker.  Podman copies into it what the image has at that place
# (tmpcopyup, which its manual has below --mount and not below --tmpfs), at each start, and with the image's size: a tmpfs that is to
# hide what the image has there does not, and one with too small a size starts no container.
. "$(dirname "$0")/lib.sh"
. "$beside/podman.sh"
deb busybox-static=1:1.35.0-4+deb12u1+b1
mkdir -p root/bin root/data root/proc root/sys root/dev
cp deb/bin/busybox root/bin/busybox && for name in sh ls cat; do ln -s busybox root/bin/$name; done
echo of the image >root/data/file
head -c 200000 /dev/urandom >root/data/large
tar -C root -c . | podman import --quiet - localhost/finding >/dev/null 2>said || untried "podman has no store here: $(tail -1 said)"
boxed localhost/finding sh -c : 2>said || untried "podman starts nothing here: $(tail -1 said)"
asked='while read -r device where type rest; do [ "$where" != /data ] || echo $type; done </proc/self/mounts; ls /data'
expect "--tmpfs /data" "$(boxed --tmpfs /data localhost/finding sh -c "$asked" | paste -sd' ')" "tmpfs file large"
expect "--mount type=tmpfs" "$(boxed --mount type=tmpfs,destination=/data localhost/finding sh -c "$asked" | paste -sd' ')" "tmpfs file large"
expect "--tmpfs /data:notmpcopyup" "$(boxed --tmpfs /data:notmpcopyup localhost/finding sh -c "$asked" | paste -sd' ')" tmpfs
small=$(boxed --tmpfs /data:size=64k localhost/finding sh -c 'echo started' 2>said || echo "not started")
expect "--tmpfs /data:size=64k" "$small" "not started"
exit $changed
