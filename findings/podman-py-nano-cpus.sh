#!/usr/bin/env bash
# `nano_cpus=500_000_000` is half a processor in podman-py's documentation, as it is for the Docker SDK.  podman-py takes it out of
# what it asks for, and says nothing: the container has no limit.  `cpu_period` and `cpu_quota` arrive.
. "$(dirname "$0")/lib.sh"
. "$beside/podman.sh"
python_packages podman==5.8.0
echo "podman-py 5.8.0"
cat >ask.py <<'END'
import sys, podman
asked = dict(one.split("=") for one in sys.argv[3:])
with podman.PodmanClient(base_url="unix://" + sys.argv[1]) as client:
    box = client.containers.create("", rootfs=sys.argv[2], command=["/bin/true"],
                                   network_mode="none", **{key: int(asked[key]) for key in asked})
    box.reload()
    print(box.attrs["HostConfig"]["NanoCpus"])
    box.remove()
END
mkdir root
podman system service --time 0 "unix://$here/sock" 2>log &
service=$!
trap 'kill $service 2>/dev/null || true; wait $service || true; rm -rf "$here"' EXIT
for _ in $(seq 100); do [ -S sock ] && break; sleep 0.1; done
[ -S sock ] || untried "podman does not start here: $(tail -1 log)"
limit() { venv/bin/python ask.py "$here/sock" "$here/root" "$@"; }
expect "nano_cpus=500000000" "$(limit nano_cpus=500000000)" 0
expect "cpu_period=100000, cpu_quota=50000" "$(limit cpu_period=100000 cpu_quota=50000)" 500000000
exit $changed
