"""Flags of `docker run` that the SDK calls otherwise: whoever has such a line at hand writes it as a box."""

from __future__ import annotations

FLAGS = {
    "add-host": "extra_hosts=NAME:10.0.0.1",
    "device": "devices=/dev/null:/dev/mine",
    "e": "env=NAME=VALUE",
    "h": "hostname=NAME",
    "ipc": "ipc_mode=host",
    "l": "labels=NAME=VALUE",
    "label": "labels=NAME=VALUE",
    "m": "memory=64M",
    "mount": "mounts='type=bind,source=/srv,target=/srv,readonly'",
    "net": "network=none",
    "p": "ports=80/tcp=127.0.0.1:8080",
    "pid": "pid_mode=host",
    "publish": "ports=80/tcp=127.0.0.1:8080",
    "sysctl": "sysctls=net.ipv4.ip_forward=1",
    "u": "uid=1000,gid=1000",
    "ulimit": "ulimits=nofile=1024",
    "userns": "userns_mode=host",
    "uts": "uts_mode=host",
    "v": "volumes=/srv:/srv:ro",
    "volume": "volumes=/srv:/srv:ro",
    "w": "workdir=/srv",
}
"""Flag, without its dashes -> the same in a box spec, by an example.  All others have their own names, with _ for -."""


def meant_by(key: str) -> str | None:
    """The word for the flag that a user wrote as `key`; None: it is called as there, or is no such flag."""
    return FLAGS.get(key.lstrip("-").replace("_", "-"))
