"""The host of a daemon's boxes: this machine, or the daemon's own, seen through an observer box on it.

The observer is a container with the namespaces of the daemon's machine and every capability the daemon will give; its
agent joins the mounts of what started it, the daemon's shim.  What it does is then done by a process of that machine.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.constants import AT_FDCWD, CLONE
from pytest_isolation.boxes.host import LOCAL_HOST, Host, RemoteHost
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import BoxError, IsolationError, Unsupported
from pytest_isolation.technologies.docker import image, stream
from pytest_isolation.technologies.docker.daemon import LABEL, Daemon
from pytest_isolation.technologies.docker.errors import explained

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent

NAMESPACES = {"pid_mode": "host", "network_mode": "host", "ipc_mode": "host", "uts_mode": "host", "cgroupns": "host"}
CAPABILITIES = (
    "SYS_ADMIN", "SYS_PTRACE", "SYS_CHROOT", "NET_ADMIN", "NET_RAW", "KILL", "MKNOD", "DAC_READ_SEARCH", "DAC_OVERRIDE",
)  # fmt: skip
KINDS = ("pid", "mnt", "net", "cgroup", "user")


def host_of(daemon: Daemon, lifetime: Lifetime) -> Host:
    """Where the boxes of `daemon` stand; found out once a run.

    Raises Unsupported when it is another machine and the daemon gives no observer there: nothing could be witnessed.
    """
    if daemon.is_ours:
        return LOCAL_HOST
    key = f"docker:host {daemon.where}"
    if key not in lifetime.kept:
        try:
            lifetime.kept[key] = _found(daemon, lifetime)
        except IsolationError as error:
            lifetime.kept[key] = Unsupported(
                f"the daemon at {daemon.where} is not on this machine, and gives no observer box there, so nothing "
                f"outside its boxes can be witnessed: {error}"
            )
    kept = lifetime.kept[key]
    if isinstance(kept, Unsupported):
        raise kept
    host: Host = kept
    return host


@contextmanager
def once(daemon: Daemon) -> Iterator[Host]:
    """The same outside a run: for what a killed one has left there."""
    lifetime = Lifetime()
    try:
        yield host_of(daemon, lifetime)
    finally:
        lifetime.close()


def _found(daemon: Daemon, lifetime: Lifetime) -> Host:
    with ExitStack() as undo:
        agent, home = _observer(daemon, lifetime, undo)
        host = RemoteHost(agent.proc, home=home, agent=image.OURS, reached_by=("docker:directory", daemon.host or ""))
        if _is_local(host):
            daemon.is_ours = True
            return LOCAL_HOST
        lifetime.at_end(undo.pop_all().close)
    return host


def _is_local(host: Host) -> bool:
    """Whether the observer is on this kernel (random(4): its boot id) and in our own namespaces (namespaces(7))."""
    boot = "/proc/sys/kernel/random/boot_id"
    if host.path(boot).read_bytes() != Path(boot).read_bytes():
        return False
    links = [f"/proc/self/ns/{kind}" for kind in KINDS]
    return all(str(host.path(link).readlink()) == os.readlink(link) for link in links)


def _observer(daemon: Daemon, lifetime: Lifetime, undo: ExitStack) -> tuple[Agent, int]:
    """The observer's agent, and its descriptor of the mount namespace it started in."""
    tag = image.ours(daemon, BoxSpec(technology="docker"), lifetime, undo)
    open_wide: dict[str, Any] = {"privileged": True}
    capable = {"cap_add": list(CAPABILITIES), "security_opt": ["seccomp=unconfined", "apparmor=unconfined"]}
    try:
        return _started(daemon, lifetime, undo, tag, open_wide)
    except BoxError:
        # A daemon in a container without some capability cannot give all of them.
        return _started(daemon, lifetime, undo, tag, capable)


def _started(daemon: Daemon, lifetime: Lifetime, undo: ExitStack, tag: str, power: dict[str, Any]) -> tuple[Agent, int]:
    name = f"pytest-isolation-{lifetime.run_id}-observer-{secrets.token_hex(4)}"
    with ExitStack() as mine, explained("starting an observer box"):
        settings = NAMESPACES | power | {"auto_remove": True, "log_config": {"type": "none"}}
        if daemon.security("userns"):
            settings["userns_mode"] = "host"
        lifetime.register("docker:container", f"{name} {daemon.host or ''}".strip())
        mine.callback(daemon.remove_container, name)
        created = daemon.api.create_container(
            tag,
            name=name,
            entrypoint=[image.OURS],
            command=[],
            stdin_open=True,
            labels={LABEL: lifetime.run_id},
            use_config_proxy=False,
            host_config=daemon.api.create_host_config(**settings),
        )
        attached = daemon.api.attach_socket(created["Id"], {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        channel = stream.channel(attached)
        mine.callback(channel.close)
        daemon.api.start(created["Id"])
        agent = stream.hello(channel, name)
        mine.callback(agent.close)
        home = agent.proc.openat(AT_FDCWD, "/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        mounts = agent.proc.openat(
            AT_FDCWD, f"/proc/{agent.proc.getppid().value or 1}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC
        )
        joined = agent.proc.setns(mounts.value, CLONE.NEWNS) if mounts.ok else mounts
        if not joined.ok:
            raise BoxError(f"the observer may not join the mounts of the daemon's machine: {joined}")
        agent.proc.close(mounts.value)
        undo.enter_context(mine.pop_all())
    return agent, home.value
