"""What cannot be had, as the calls that ask the kernel for it: each is refused, and so is the start."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD, PR
from pytest_isolation.agent.shortcuts import must, write
from pytest_isolation.errors import NO_CONTROL_GROUPS, BoxError, Unsupported, unless_root
from pytest_isolation.technologies.attach import filters
from pytest_isolation.technologies.lacking import NOUNS, Words

if TYPE_CHECKING:
    from pytest_isolation.boxes.cgroups import Group
    from pytest_isolation.boxes.spec import Unobtainable

LAST_CAPABILITY, RLIMIT_NOFILE, MAJOR, RATE = 63, 7, 511, 1 << 20
NOTHING = bytes(8)
"""A filter of one instruction that loads a word from nowhere, and never returns: seccomp(2), EINVAL."""

Act = Callable[[Proc, "Group | None"], None]


def _filter(one: Unobtainable) -> Act:
    def act(child: Proc, _: Group | None) -> None:
        program = Program()
        laid = filters.lay_on(program, filters.Filter(NOTHING, 0))
        must(child.run(program)[laid], f"the filter {one.name}")

    return act


def _written(path: str, text: str, what: str) -> Act:
    return lambda child, _: void(must(write(child, path, text.encode()), what))


def _opened(path: str) -> Act:
    return lambda child, _: void(must(child.openat(AT_FDCWD, path, os.O_PATH | os.O_CLOEXEC), path))


def _grouped(one: Unobtainable, controller: str, names: tuple[str, str], text: str) -> Act:
    def act(_: Proc, group: Group | None) -> None:
        file = group.file(controller, *names) if group is not None else None
        if file is None:
            raise Unsupported(f"no control group for {NOUNS[one.layer]}", cause=unless_root(NO_CONTROL_GROUPS))
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BoxError(f"{text} in {file}: {error.strerror}") from None

    return act


def _disk(one: Unobtainable) -> Act:
    text = f"{MAJOR}:{one.number} {RATE}"
    return _grouped(one, "blkio", ("blkio.throttle.read_bps_device", "io.max"), text)


def void(_: object) -> None:
    """For what is done for its effect alone."""


WORDS: Words[Act] = {
    "filter": _filter,
    "apparmor": lambda one: _written("/proc/self/attr/apparmor/exec", f"exec {one.name}", f"the profile {one.name}"),
    "selinux": lambda one: _written("/proc/self/attr/exec", f"{one.name}_t", f"the context {one.name}_t"),
    "device": lambda one: _opened(f"/dev/{one.name}"),
    "rlimit": lambda one: (
        lambda child, _: void(
            must(child.prlimit64(0, RLIMIT_NOFILE, (one.number, one.number)), f"{one.number} open files")
        )
    ),
    "processors": lambda one: (
        lambda child, _: void(
            must(
                child.sched_setaffinity(0, (1 << one.number).to_bytes(one.number // 8 + 1, "little")),
                f"processor {one.number}",
            )
        )
    ),
    "disk": _disk,
    "namespace": lambda one: _opened(f"/run/netns/{one.name}"),
    "sysctl": lambda one: _written(f"/proc/sys/net/{one.name}", "1", f"net.{one.name}"),
    "capability": lambda one: (
        lambda child, _: void(
            must(
                child.prctl(PR.CAPBSET_DROP, LAST_CAPABILITY + one.number),
                f"the capability {LAST_CAPABILITY + one.number}",
            )
        )
    ),
}
"""Layer -> what is done to the process that becomes the box, before it has a root of its own."""
