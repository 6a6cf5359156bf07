"""Injecting the agent into a running container of somebody else's, and leaving it as it was.

On a hardened container (read-only root, no shell, noexec mounts, another user) there is nowhere to copy an
agent to.  So a detached mount of the agent's file is moved over a file every engine's containers have, in the
container's mount namespace alone; an exec of that path starts the agent, and the mount is taken away again.
Nothing is written.  Sources: open_tree(2), move_mount(2), setns(2); kernel 5.2.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.constants import AT_FDCWD, CLONE, MNT, MOVE_MOUNT, OPEN_TREE
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.host import LOCAL_HOST, Host, RemoteHost
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Unavailable, Unsupported
from pytest_isolation.technologies import mounts

SPARE = "/dev/full"
"""In every container, and seldom used: where the engine's own file is not, as in Podman's with a tmpfs on /run."""

AS_IT_IS = (
    "image", "memory", "pids", "cpus", "network", "read_only", "volumes", "env", "uid", "gid", "workdir", "hostname",
)  # fmt: skip
"""What a running container has as it was started."""

WHAT_ENDS_IT = (
    "What ends it: a seccomp profile without the calls it is made of (read, write, mmap, ppoll, prctl, clone), "
    "or no memory or process left in its limits"
)


def check_may_inject(here: bool) -> None:
    """Raises Unavailable unless we may enter the container's mount namespace.  `here`: it is one of this host."""
    if os.geteuid() != 0:
        raise Unavailable("attaching enters the container's mount namespace, which is for root", "run pytest as root")
    if not here:
        raise Unavailable(
            "attaching enters the container's mount namespace, and the container is not on this host",
            "run pytest where its engine runs",
        )


def check_as_it_is(spec: BoxSpec) -> None:
    """Raises Unsupported for a spec that asks a running container to be other than it is."""
    if spec.weakenings:
        raise Unsupported("a running container has the holes it has; its controls run on boxes of our own")
    plain = BoxSpec(technology=spec.technology)
    for key in AS_IT_IS:
        if getattr(spec, key) != getattr(plain, key):
            raise Unsupported(
                f"a running container is as it is, and this needs one that is started with {key} set",
                f"leave {key} out, or have its engine start one with it",
            )


@contextmanager
def injected(pid: int, usual: str, host: Host = LOCAL_HOST) -> Iterator[str]:
    """The agent is in the mount namespace of `pid`, at the path it yields, while the `with` lasts.

    `usual`: the file that its engine makes in every container.  `host`: the machine whose numbers `pid` is one of.
    Raises BoxError.
    """
    with host.start() as outside:
        binary = _binary(host)
        if isinstance(host, RemoteHost):
            must(outside.proc.setns(host.home, CLONE.NEWNS), "going where the agent's file is")
        tree = must(
            outside.proc.open_tree(AT_FDCWD, binary, OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC), "a mount of the agent"
        )
        with outside.proc.spawn() as child:
            mounts.enter(child, pid)
            for target in (usual, SPARE):
                moved = child.move_mount(tree.value, "", AT_FDCWD, target, MOVE_MOUNT.F_EMPTY_PATH)
                if moved.errno != errno.ENOENT:
                    break
            must(moved, f"injecting the agent into the container, over its {target}")
            try:
                yield target
            finally:
                child.umount2(target, MNT.DETACH)


def _binary(host: Host) -> str:
    """The path of the agent's file: here, or where an observer of `host` started."""
    return host.agent if isinstance(host, RemoteHost) else os.fspath(agent_binary())


def eject(pid: int, usual: str, host: Host = LOCAL_HOST) -> bool:
    """Unmount what a killed run injected; returns whether it was there."""
    mounted = parse(text_of(host.path(f"/proc/{pid}/mountinfo")))
    name = os.path.basename(_binary(host))
    found = [one.point for one in mounted if one.point in (usual, SPARE) and name in one.root]
    with host.start() as outside, outside.proc.spawn() as child:
        mounts.enter(child, pid)
        for target in found:
            must(child.umount2(target, MNT.DETACH), f"taking the agent away from {target}")
    return bool(found)


def refuse_dead(state: dict[str, object], name: str) -> None:
    """Raises Unavailable for a container whose processes do not run; `state` as engines inspect it."""
    if state.get("Paused"):
        raise Unavailable(f"the container {name} is paused: nothing in it runs", "unpause it")
    if state.get("Restarting") or (state.get("Running") and state.get("Pid") == 0):
        raise Unavailable(
            f"the container {name} is between two starts: its program ends again and again",
            "its log says why; mend it, then measure",
        )
    if not state.get("Running"):
        raise Unavailable(f"the container {name} is not running ({state.get('Status', 'stopped')})", "start it")
