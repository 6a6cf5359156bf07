"""What cannot be had, in the words of podman-run(1)."""

from __future__ import annotations

from pytest_isolation.technologies.lacking import TAKEN, Words

WORDS: Words[list[str]] = {
    "filter": lambda one: ["--security-opt", f"seccomp=/{one.name}"],
    "apparmor": lambda one: ["--security-opt", f"apparmor={one.name}"],
    "selinux": lambda one: ["--security-opt", f"label=type:{one.name}_t"],
    "user": lambda one: ["--user", one.name],
    "device": lambda one: ["--device", f"/dev/{one.name}"],
    "rlimit": lambda one: ["--ulimit", f"nofile={one.number}:{one.number}"],
    "processors": lambda one: ["--cpuset-cpus", str(one.number)],
    "disk": lambda one: ["--device-read-bps", f"/dev/{one.name}:1mb"],
    "network": lambda one: ["--network", one.name],
    "namespace": lambda one: ["--pid", f"container:{one.name}"],
    "sysctl": lambda one: ["--sysctl", f"net.{one.name}=1"],
    TAKEN: lambda one: ["--name", one.name],
    "capability": lambda one: ["--cap-drop", one.name.upper()],
}
