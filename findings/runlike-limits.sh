#!/usr/bin/env bash
# runlike "shows command line necessary to run copy of existing Docker container".  Memory and capabilities are in it.  That the root is
# read-only, how many processes there may be, the CPUs' quota, no-new-privileges, a tmpfs, ulimits and the host's IPC namespace are not,
# and nothing is said: the copy is another container.
. "$(dirname "$0")/lib.sh"
python_packages runlike==1.5.4
echo "runlike 1.5.4"
# What `docker container inspect` tells of such a container, in what runlike reads of it and in the options above.
cat >inspect.json <<'JSON'
[{"Name": "/web", "Image": "sha256:0", "Mounts": [], "NetworkSettings": {"Ports": {}},
  "Config": {"Hostname": "web", "User": "", "Image": "alpine", "Env": [], "Labels": {}, "WorkingDir": "", "Entrypoint": null, "Cmd": ["sh"],
             "AttachStdout": true, "Tty": false},
  "HostConfig": {"Memory": 104857600, "CapDrop": ["ALL"], "NetworkMode": "none", "PidMode": "host", "CpusetCpus": "0", "CpusetMems": "",
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "LogConfig": {"Type": "json-file", "Config": {}}, "Privileged": false,
    "AutoRemove": true, "Runtime": "runc",
    "ReadonlyRootfs": true, "PidsLimit": 50, "NanoCpus": 500000000, "MemorySwap": 104857600, "SecurityOpt": ["no-new-privileges"],
    "Tmpfs": {"/run": "size=1m"}, "Ulimits": [{"Name": "nofile", "Soft": 64, "Hard": 64}], "IpcMode": "host", "UsernsMode": "host",
    "Sysctls": {"net.ipv4.ip_forward": "0"}}}]
JSON
venv/bin/runlike --stdin <inspect.json >command 2>said && status=0 || status=$?
expect "status, and lines on standard error" "$status, $(wc -l <said)" "0, 0"
expect "the command" "$(cat command)" "docker run --name=web --hostname=web --pid host --cpuset-cpus=0 --cap-drop=ALL --network=none \
--runtime=runc --memory=\"104857600\" --rm alpine sh"
exit $changed
