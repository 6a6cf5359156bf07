"""The limits of a running container's first process, as its machine's /proc tells them."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_isolation import Unsupported
from pytest_isolation.boxes.process_limits import LINES, RESOURCES, ProcessLimit, limits_in
from pytest_isolation.errors import Violation
from pytest_isolation.outside.limits.process_limits import of_first
from tests.support import built_in_checks

FILES = ProcessLimit("nofile", 64, 128)


def running(place: Path, text: str | None, asked: tuple[ProcessLimit, ...] = (FILES,)) -> Any:
    """A box, as far as it is looked at: the machine's /proc is `place`, with that text for process 7."""
    if text is not None:
        (place / "7").mkdir()
        (place / "7" / "limits").write_text(text)
    parts = SimpleNamespace(init_pid=7, process_limits=asked)
    outside = SimpleNamespace(path=lambda name: place / os.path.relpath(name, "/proc"))
    return SimpleNamespace(parts=parts, outside=outside, spec=SimpleNamespace(attached=True))


def judge(box: Any) -> None:
    (test,) = (test for promise, test in built_in_checks() if promise.id == "rlimit.as-asked")
    test.hypothesis.inner_test(box=box, steps=None)  # type: ignore[attr-defined]


def line(soft: object, hard: object) -> str:
    return f"Limit                     Soft Limit  Hard Limit  Units\nMax open files            {soft}  {hard}  files\n"


def test_each_resource_has_its_line() -> None:
    assert tuple(LINES) == RESOURCES
    own = {name: resource.getrlimit(number) for number, name in enumerate(RESOURCES)}
    assert limits_in(Path("/proc/self/limits").read_text()) == {
        name: (soft % 2**64, hard % 2**64) for name, (soft, hard) in own.items()
    }


@pytest.mark.parametrize("soft", [64, 32, 128])
def test_the_soft_one_is_the_programs_own(soft: int, tmp_path: Path) -> None:
    """Go raises that of open files to the hard one."""
    judge(running(tmp_path, line(soft, 128)))


@pytest.mark.parametrize("hard", [64, 256, "unlimited"])
def test_another_hard_one_is_a_violation(hard: object, tmp_path: Path) -> None:
    with pytest.raises(Violation) as raised:
        judge(running(tmp_path, line(64, hard)))
    told = 2**64 - 1 if hard == "unlimited" else hard
    assert raised.value.observed["nofile"] == f"asked for 128 at most, has {told}"


@pytest.mark.parametrize("text", [None, "", line("?", "?")])
def test_what_cannot_be_read_is_not_missing(text: str | None, tmp_path: Path) -> None:
    box = running(tmp_path, text)
    with pytest.raises(Unsupported, match=r"cannot be read|does not tell nofile"):
        judge(box)
    with pytest.raises(Unsupported):
        of_first(box, (FILES,))
