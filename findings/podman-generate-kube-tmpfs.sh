#!/usr/bin/env bash
# `podman generate kube` writes a container as a pod of Kubernetes.  A tmpfs of the container's, `--tmpfs /scratch:size=1m`, is a
# directory of the host in it, `path: tmpfs`, made where it is missing: of no size, on a disk, and one for all such mounts.  A volume
# in memory (emptyDir, with medium and sizeLimit) is what Kubernetes has for it.
. "$(dirname "$0")/lib.sh"
. "$beside/podman.sh"
deb busybox-static=1:1.35.0-4+deb12u1+b1
mkdir -p root/bin && cp deb/bin/busybox root/bin/sh
tar -C root -c . | podman import --quiet - localhost/finding >/dev/null 2>said || untried "podman has no store here: $(tail -1 said)"
podman create --name one --network none --tmpfs /scratch:size=1m --tmpfs /more:size=2m --memory 64m localhost/finding sh >/dev/null
podman generate kube one >pod.yaml
podman rm one >/dev/null
expect "the limit on memory arrives" "$(grep -o 'memory: .*' pod.yaml)" "memory: 64Mi"
expect "where a volume is mounted" "$(sed -n 's/.*mountPath: //p' pod.yaml | sort | paste -sd' ')" "/more /scratch"
expect "kinds of volumes" "$(grep -o -w 'emptyDir\|hostPath' pod.yaml | sort | uniq -c | xargs)" "2 hostPath"
expect "the host's directories" "$(sed -n 's/^ *path: //p' pod.yaml | paste -sd' ')" "tmpfs tmpfs"
expect "sizes" "$(grep -c 'size\|1m\|2m' pod.yaml)" 0
exit $changed
