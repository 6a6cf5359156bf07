"""Processes count against the box's limit however they are kept: as zombies, or in namespaces of their own."""

import secrets
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import CLONE
from pytest_isolation.agent.shortcuts import set_name
from pytest_isolation.outside.limits.exercised import LIMITED, group_of, settled


@dataclass(frozen=True)
class Way:
    slug: str
    name: str
    flags: int
    does: str
    why: str


WAYS = (
    Way("zombies", "that have ended and that nobody has waited for", 0, "has more zombies than its limit of processes",
        "such have no memory and run nothing, and take a number each all the same"),
    Way("nested", "in a user and a PID namespace that the box has made", CLONE.NEWUSER | CLONE.NEWPID,
        "has more processes in namespaces than its limit",
        "in namespaces of one's own one is root, and has numbers of one's own"),
)  # fmt: skip
BEYOND = 12

counted = family(
    "cg.pids.{entry.slug}-counted",
    over=WAYS,
    claim="the host never has more processes of the box than its limit, with those {entry.name}",
    sources=("kernel:admin-guide/cgroup-v2 pids.max", "kernel:admin-guide/cgroup-v1/pids"),
    severity=lambda entry: severity.use(entry.does),
    falsified_by=weaken.unlimited("pids"),
    kind="per-window",
    box=LIMITED,
    distinct="{entry.why}",
)


@counted
def test_they_are_counted(box: Box, promise: Guarantee, entry: Way) -> None:
    """Found on the host by a name that they have from the process that made them: comm is inherited."""
    group, limit, name = group_of(box), int(LIMITED["pids"]), secrets.token_hex(7)
    if not box.parts.shares_kernel:
        raise Unsupported("the host has no number for a process of another kernel's")
    with box.spawn() as outer:
        parent, made = outer.try_spawn(entry.flags) if entry.flags else (outer, None)
        if parent is None:
            promise.undecided(f"the box does not let us have namespaces of our own ({made})")
        children: list[Proc] = []
        try:
            set_name(parent, name)
            while len(children) < limit + BEYOND:
                child, _ = parent.try_spawn()
                if child is None:
                    break
                children.append(child)
                if entry.slug == "zombies":
                    _kill(parent, child)
            there, tasks = len(box.outside.named(name)), group.tasks()
        finally:
            if parent is not outer:
                parent.end()  # what its PID namespace has in it ends with it
            else:
                program = Program()
                for child in children:
                    program.wait4(child.pid)
                parent.run(program)
    if len(children) < limit + BEYOND and tasks < limit:
        promise.undecided("the box is refused processes below its limit")
    promise.require(there <= limit, f"{len(children)} processes made inside", on_host=there, limit=limit)
    settled(group, 8)


def _kill(parent: Proc, child: Proc) -> None:
    program = Program()
    program.drop(child.path[-1])
    program.kill(child.pid, 9)
    parent.run(program)
