"""Starting a box by hand: a host agent makes a child, the child walls itself in and becomes the box's agent.

Shared by the technologies that need nothing installed.  Everything the child does is a system
call made through the agent, so a refusal is reported with the call and its errno.
"""

from __future__ import annotations

import os
import secrets
import struct
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.client import Agent, Proc, Program
from pytest_isolation.agent.constants import AT, AT_FDCWD, PR, W
from pytest_isolation.agent.memory import In, Struct
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes import cgroups, making_groups, skewed
from pytest_isolation.boxes.image import whole
from pytest_isolation.boxes.life import as_shells_do
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import Pipes
from pytest_isolation.boxes.spec import MIB, BoxSpec
from pytest_isolation.boxes.unpack import unpack
from pytest_isolation.boxes.weakenings import drop, hand_in, unlimited
from pytest_isolation.errors import NO_CONTROL_GROUPS, BoxError, Unavailable, Unsupported, UsageError

__all__ = ["check_image", "environment", "limits_of", "new_groups", "new_root"]

CLOSE_RANGE_CLOEXEC = 4
SECCOMP_SET_MODE_FILTER = 1
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

DEV_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
"""What udev, or an engine, makes in /dev: OCI runtime specification, runtime-linux.md."""
RANDOM = ("random", "urandom")
"""Devices of random bytes: random(4)."""
KNOWN = bytes(range(256))
"""What is random in a box that is to have nothing of its own."""
HANDED_GROUP = 61_183
"""Above the numbers that Debian gives out (policy 9.2.2), and below those of nobody."""

GUARD = cgroups.Limits(memory=1024 * MIB, pids=1024, cpus=2.0)
"""What no box may pass, whatever holes it has: a check gone wrong must not hurt the machine."""


def same_random(program: Program, devices: str) -> None:
    """Files in the place of both devices: who makes a root by hand, without the right to make nodes, has such."""
    for name in RANDOM:
        fd = program.openat(AT_FDCWD, f"{devices}/{name}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644)
        program.write(fd, KNOWN)
        program.close(fd)


def limits_of(spec: BoxSpec) -> cgroups.Limits:
    """The limits of the box's own group: what was asked for, less what is weakened away."""
    return cgroups.Limits(
        memory=None if spec.has(unlimited("memory")) else spec.memory,
        pids=None if spec.has(unlimited("pids")) else spec.pids,
        cpus=None if spec.has(unlimited("cpu")) else spec.cpus,
        resources=tuple((name, text) for name, text in spec.resources if not spec.has(unlimited(name))),
    )


def new_groups(spec: BoxSpec, lifetime: Lifetime, limits: cgroups.Limits, undo: ExitStack) -> cgroups.Group | None:
    """The guard group and in it the box's own; returns the box's own, None where we may make none.

    Raises Unsupported when limits were asked for and this user may not make groups.
    """
    guard = lifetime.new_group(spec.name, GUARD, within=cgroups.delegated())
    if guard is None:
        if limits != cgroups.Limits():
            raise Unsupported(
                "limits were asked for, and this user may make no control groups", cause=NO_CONTROL_GROUPS
            )
        return None
    # With this hole the group stays until the run's end, which removes all of the run's.
    undo.callback(guard.kill if spec.has(drop("clean-up")) else guard.remove)
    group = making_groups.create(f"{guard.path}/box", limits)
    return guard if group is None else group


def environment(spec: BoxSpec) -> list[str]:
    """What the first process of a box of `spec` has, as NAME=VALUE."""
    handed_on = dict(spec.caller.variables) if spec.has(drop("clear-env")) else {}
    handed_on |= handed_variables(spec)
    return [f"{key}={value}" for key, value in (handed_on | {"PATH": PATH} | dict(spec.delivered.env)).items()]


def handed_variables(spec: BoxSpec) -> dict[str, str]:
    """With hand_in("variable"): a secret, as a service is often given its database's."""
    return {"DATABASE_PASSWORD": secrets.token_hex(16)} if spec.has(hand_in("variable")) else {}


def handed_groups(spec: BoxSpec) -> list[int]:
    """With hand_in("group"): a group of the host's that no file of its has, so that nothing can be reached by it."""
    return [HANDED_GROUP] if spec.has(hand_in("group")) else []


def check_image(spec: BoxSpec) -> None:
    """Raises UsageError where the user named an image that is no directory, Unavailable where ours cannot start."""
    if not isinstance(spec.image, str):
        if os.statvfs(tempfile.gettempdir()).f_flag & os.ST_NOEXEC:
            raise Unavailable(
                f"the temporary directory {tempfile.gettempdir()} is mounted noexec, and the box's root is made there",
                "set TMPDIR to a directory whose programs may be executed",
            )
    elif not Path(spec.image).is_dir():
        raise UsageError(f"image={spec.image!r} is no directory; give the root of a file tree, or leave it out")


def new_root(spec: BoxSpec, lifetime: Lifetime, launcher: Proc, undo: ExitStack) -> tuple[Path, str]:
    """A directory with the box's file tree, and the agent's path in it; `undo` takes both away again.

    A directory the user named is used as it is.  Raises UsageError when it is none.
    """
    if isinstance(spec.image, str):
        check_image(spec)
        root = Path(spec.image)
        target = root / f".agent-{lifetime.run_id}"
        lifetime.register("file", os.fspath(target))
        undo.callback(target.unlink, missing_ok=True)
        target.write_bytes(agent_binary().read_bytes())
        target.chmod(0o755)
        return root, f"/{target.name}"
    root = lifetime.new_directory("root")
    undo.callback(lifetime.remove_directory, root)
    root.chmod(0o755)
    unpack(whole(spec.image).carried(spec.weakenings), launcher, os.fsencode(root))
    return root, "/agent"


def become_agent(child: Proc, path: str, spec: BoxSpec, pipes: Pipes, *, keep: Iterable[int] = ()) -> None:
    """Have `child` execute the agent at `path` in its root: 0 and 1 on `pipes`, and no others but `keep`."""
    spec = spec.delivered
    must(child.chdir(spec.workdir), f"workdir={spec.workdir}")
    dropped = child.setgroups(
        handed_groups(spec)
    )  # refused in a user namespace of an unprivileged user: those groups stay
    if spec.gid:
        must(dropped, "dropping groups")
        must(child.setresgid(spec.gid, spec.gid, spec.gid), f"gid={spec.gid}")
    if spec.uid:
        must(child.setresuid(spec.uid, spec.uid, spec.uid), f"uid={spec.uid}")
    skew(child, spec)
    execute(child, path, [path, "-d"], environment(spec), pipes.theirs, keep=keep)
    # Whoever made it lets go of its channel: only so is the end of the box seen when it comes.
    maker = child.parent
    while maker is not None:
        program = Program()
        for fd in pipes.theirs:
            program.close(fd)
        maker.run(program)
        maker = maker.parent


def skew(child: Proc, spec: BoxSpec) -> None:
    """With a loss of behaviour: `child` and all that come of it are under a filter that answers a call: skewed.py."""
    answered = skewed.answers(spec.weakenings)
    if not answered:
        return
    code = skewed.code(sorted(answered.items()), child.agent.machine)
    program = Program(stop_on_error=True)
    program.prctl(PR.SET_NO_NEW_PRIVS, 1)
    size = struct.pack("<H6x", len(code) // 8)
    laid = program.seccomp(SECCOMP_SET_MODE_FILTER, 0, Struct((size, In(code))))  # struct sock_fprog
    replies = child.run(program)
    must(replies[laid] if replies.ran(laid) else replies[0], "a layer that answers otherwise")


def execute(
    child: Proc,
    path: str | int,
    argv: Iterable[str],
    env: Iterable[str],
    stdio: Sequence[int],
    *,
    keep: Iterable[int] = (),
) -> None:
    """Have `child` execute a program: `stdio` become 0, 1 (and 2) of it, and above 2 it has but `keep`.

    A `path` that is a number is a descriptor of the program's, in `child`.
    Raises BoxError with the errno when the kernel refuses.
    """
    program = Program(stop_on_error=True)
    for number, fd in enumerate(stdio):
        program.dup3(fd, number)
    # Closed by the exec, so that the launcher's channel lives until it succeeds.
    first = 3
    for kept in sorted(keep):
        if kept > first:
            program.close_range(first, kept - 1, CLOSE_RANGE_CLOEXEC)
        first = kept + 1
    program.close_range(first, 0xFFFF_FFFF, CLOSE_RANGE_CLOEXEC)
    if isinstance(path, int):
        last = program.execveat(path, "", list(argv), list(env), AT.EMPTY_PATH)
    else:
        last = program.execve(path, list(argv), list(env))
    try:
        replies = child.run(program)
    except BoxError:
        return  # the exec closed the channel: that is success, and the new program answers for itself
    raise BoxError(f"{path} did not start: {replies[len(replies) - 1] if not replies.ran(last) else replies[last]}")


def loopback_up(child: Proc) -> None:
    """ioctl(SIOCSIFFLAGS), netdevice(7): a new network namespace has its loopback down."""
    program = Program()
    fd = program.socket(2, 2 | 0o2000000)  # AF_INET, SOCK_DGRAM | SOCK_CLOEXEC
    request = struct.pack("<16sH22x", b"lo", 1 | 64)  # IFF_UP | IFF_RUNNING
    up = program.ioctl(fd, 0x8914, In(request))
    program.close(fd)
    must(child.run(program)[up], "loopback")


def status_of(parent: Proc, pid: int, *, timeout: float = 60) -> int:
    """How `pid`, a child of `parent`'s, ended: 0 to 255, 128 + N for signal N.

    Raises BoxError where it has not after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while (reply := must(parent.wait4(pid, W.NOHANG | W.ALL), "waiting for the box's end")).value != pid:
        if time.monotonic() > deadline:
            raise BoxError(f"process {pid} has not ended after {timeout:g} s")
        time.sleep(0.005)
    return as_shells_do(os.waitstatus_to_exitcode(struct.unpack_from("<i", reply.outs[0])[0]))


def hello(pipes: Pipes) -> Agent:
    """The agent at the other end, once `pipes` were passed on.  Raises AgentLost."""
    pipes.close_theirs()
    return Agent(pipes.channel())
