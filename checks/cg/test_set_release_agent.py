"""A box cannot name the program that its machine's kernel runs when a control group is empty."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc, Reply
from pytest_isolation.agent.constants import AT_FDCWD, MNT
from pytest_isolation.agent.shortcuts import read, write
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.outside.objects.mounts import target
from pytest_isolation.outside.shared.groups import trees

FIRST = b"cgroup:[4026531835]"
"""The namespace that the kernel starts with: PROC_CGROUP_INIT_INO, include/linux/proc_ns.h."""

promise = guarantee(
    "cg.release-agent-denied",
    claim="no process of the box sets the program that the kernel of its machine runs when a control group of version "
    "1 is empty",
    sources=("man:cgroups(7) release_agent", "https://nvd.nist.gov/vuln/detail/CVE-2022-0492"),
    severity=severity.host("has the host's kernel run a program of its choice"),
    falsified_by=(weaken.grant("SYS_ADMIN"), weaken.share("cgroup")),
    oracle="errno",
    kind="per-window",
    intrusive=True,
    needs_root=True,
    distinct="that program runs as root, outside of every box: one write is the way out",
)


def hierarchies(proc: Proc) -> list[str]:
    """The option by which each hierarchy of version 1 that the machine has is mounted once more: cgroups(7).

    None is made for this: each process of the machine would be in it, and who starts a container would mount it.
    """
    lines = [line.split(":") for line in read(proc, "/proc/self/cgroup").data.decode().splitlines()]
    return [f"none,{line[1]}" if line[1].startswith("name=") else line[1] for line in lines if line[1]]


def _reached_from_outside(box: Box) -> bool:
    """Whether a process outside could: who is in a namespace whose root is not that of all groups has no such file."""
    if box.outside.proc.readlinkat(AT_FDCWD, "/proc/self/ns/cgroup").data.rstrip(b"\0") == FIRST:
        return True
    mounts = (line.split() for line in text_of(box.outside.path("/proc/self/mounts")).splitlines())
    return any(box.outside.path(f"{at}/release_agent").exists() for _, at, kind, *_ in mounts if kind == "cgroup")


@promise
@given(place=st.integers(0, 30))
def test_program_stays(box: Box, place: int) -> None:
    """By each tree that the box has, and by each that it mounts.  What it writes stands there already."""
    known = hierarchies(box.outside.proc)
    if not known:
        raise Unsupported("its machine has no control groups of version 1")
    written: dict[str, Reply] = {}
    with target(box, place) as at:
        for tree in trees(box):
            written |= _set(at.proc, tree.target, tree.target)
        replies, stuck = [], False
        # Each: the file is in the root group alone, and the box may be in that of only one of them.
        for option in known:
            replies.append(mounted := at.proc.mount("none", at.path, "cgroup", 0, option))
            if mounted.ok:
                written |= _set(at.proc, at.path, option)
                if stuck := not at.proc.umount2(at.path, MNT.DETACH).ok:
                    break
        set_ = [one for one, reply in written.items() if reply.ok]
        promise.tried(*replies)
        promise.held("isolated" if any(one.ok for one in replies) else "refused")
        if not set_ and not _reached_from_outside(box):
            promise.undecided("pytest is in a control group namespace, where no tree has the file: not ours either")
        promise.require(not set_, *replies, *written.values(), set=", ".join(set_))
        if stuck:
            promise.undecided("the box does not let us unmount one hierarchy to mount the next in its place")


def _set(proc: Proc, directory: str, called: str) -> dict[str, Reply]:
    """By the name that evidence has for it; nothing where there is no such file."""
    file = f"{directory}/release_agent"
    return {called: write(proc, file, now.data or b"\n")} if (now := read(proc, file)).ok else {}
