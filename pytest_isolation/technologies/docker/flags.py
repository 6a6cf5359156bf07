"""Flags of `docker run` that the SDK calls otherwise, or not at all: whoever has such a line writes it as a box.

Source: docs.docker.com, "docker container run"; docker-py's containers.run().
"""

from __future__ import annotations

FLAGS = {
    "add-host": "extra_hosts=NAME:10.0.0.1",
    "c": "cpu_shares=512",
    "device": "devices=/dev/null:/dev/mine",
    "device-cgroup-rule": "device_cgroup_rules='c 1:3 rwm'",
    "dns-option": "dns_opt=ndots:1",
    "e": "env=NAME=VALUE",
    "h": "hostname=NAME",
    "ipc": "ipc_mode=host",
    "l": "labels=NAME=VALUE",
    "label": "labels=NAME=VALUE",
    "link": "links=NAME:ALIAS",
    "m": "memory=64M",
    "memory-reservation": "mem_reservation=32M",
    "memory-swap": "memory=64M,memswap_limit=128M",
    "memory-swappiness": "mem_swappiness=0",
    "mount": "mounts='type=bind,source=/srv,target=/srv,readonly'",
    "net": "network=none",
    "P": "publish_all_ports=true",
    "p": "ports=80/tcp=127.0.0.1:8080",
    "pid": "pid_mode=host",
    "publish": "ports=80/tcp=127.0.0.1:8080",
    "publish-all": "publish_all_ports=true",
    "sysctl": "sysctls=net.ipv4.ip_forward=1",
    "u": "uid=1000,gid=1000",
    "ulimit": "ulimits=nofile=1024",
    "userns": "userns_mode=host",
    "uts": "uts_mode=host",
    "v": "volumes=/srv:/srv:ro",
    "volume": "volumes=/srv:/srv:ro",
    "w": "workdir=/srv",
}
"""Flag, without its dashes -> the same in a box spec, by an example."""

STREAMS = "leave it out: the agent's channel is attached"
LOG = "leave it out: the agent's traffic is never logged"
PULL = "leave it out: nothing is ever pulled"
WINDOWS = "leave it out: it is for Windows"
STARTED = "start a container with it, and name that one: container=NAME"
NONE = {
    "a": STREAMS,
    "annotation": STARTED,
    "attach": STREAMS,
    "cidfile": "leave it out: the container is removed when its box ends",
    "d": STREAMS,
    "detach-keys": STREAMS,
    "disable-content-trust": PULL,
    "env-file": "write env=NAME=VALUE for each of its lines",
    "expose": STARTED,
    "gpus": STARTED,
    "health-cmd": STARTED,
    "health-interval": STARTED,
    "health-retries": STARTED,
    "health-start-interval": STARTED,
    "health-start-period": STARTED,
    "health-timeout": STARTED,
    "i": STREAMS,
    "interactive": STREAMS,
    "io-maxbandwidth": WINDOWS,
    "io-maxiops": WINDOWS,
    "ip": STARTED,
    "ip6": STARTED,
    "label-file": "write labels=NAME=VALUE for each of its lines",
    "link-local-ip": STARTED,
    "log-driver": LOG,
    "log-opt": LOG,
    "net-alias": STARTED,
    "network-alias": STARTED,
    "no-healthcheck": STARTED,
    "pull": PULL,
    "q": PULL,
    "quiet": PULL,
    "restart": "leave it out: a box that ended stays ended",
    "rm": "leave it out: every container is removed when its box ends",
    "sig-proxy": STREAMS,
    "stop-timeout": STARTED,
    "t": STREAMS,
    "use-api-socket": STARTED,
}
"""Flag, without its dashes -> what to do: no KEY=VALUE says it.  All others have their own names, with _ for -."""


def told(key: str) -> str | None:
    """What to write for the flag that a user wrote as `key`; None: it is called as there, or is no such flag."""
    flag = key.lstrip("-").replace("_", "-")
    said = f"{'-' if len(flag) == 1 else '--'}{flag} of `docker run`"
    if flag in FLAGS:
        return f"{said} is {FLAGS[flag]} here"
    return f"{said} has none: {NONE[flag]}" if flag in NONE else None
