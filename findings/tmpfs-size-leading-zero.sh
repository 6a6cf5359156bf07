#!/usr/bin/env bash
# The kernel reads a tmpfs' `size` as C reads a number: with a zero in front it is octal, so `size=010m` is 8 MiB.  The
# Docker SDK, which reads the sizes beside it in the same container's configuration, takes the same text for 10 MiB.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
python_packages docker==7.2.0
mkdir root/small && ln -s busybox root/bin/df
echo "Linux $(uname -r)"
for runtime in runc crun; do
  change='c["mounts"].append({"destination": "/small", "type": "tmpfs", "source": "tmpfs", "options": ["size=010m"]})'
  expect "$runtime, tmpfs with size=010m, KiB" "$(run $runtime "$change" df -k /small | awk 'NR == 2 { print $2 }')" 8192
done
sizes='from docker.types import HostConfig
c = HostConfig("1.43", mem_limit="010m", shm_size="010m", tmpfs={"/small": "size=010m"})'
expect "docker SDK, shm_size 010m, KiB" "$(venv/bin/python -c "$sizes
print(c['ShmSize'] // 1024)")" 10240
expect "docker SDK, mem_limit 010m, KiB" "$(venv/bin/python -c "$sizes
print(c['Memory'] // 1024)")" 10240
exit $changed
