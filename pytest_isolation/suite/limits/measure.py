"""Each limit as each technology can be asked for it: a box for every text, and what the kernel has for that box."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.wording import LIMITS, RLIMITS, kernel_has
from pytest_isolation.errors import BoxError, Lacking, Unavailable, in_one_line
from pytest_isolation.suite.limits.asked import ASKED
from pytest_isolation.suite.limits.bites import bites
from pytest_isolation.suite.plain_boxes import plain
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.qemu.emulator import of_this_host, version
from pytest_isolation.technologies.qemu.size import OPTIONS, size
from pytest_isolation.technologies.wording import Unwritten, wording_of

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box
    from pytest_isolation.technologies.base import Technology

TECHNOLOGIES = ("docker", "podman", "cri", "runc", "crun", "gvisor", "lxc", "nspawn", "qemu")
"""Those that have words for limits and start their boxes on this machine."""
BROKEN = Lacking, BoxError, OSError, subprocess.SubprocessError
SHOWN = 400
"""Letters of what was said at most."""
PASSING = (
    (r"pytest-isolation-[0-9a-f]+-[0-9a-f]+", "NAME"), (r"\b[0-9a-f]{64}\b", "ID"), (r"/tmp/[^\s:,\"']+", "PATH"),
    (r"\b20[0-9]{2}-?[0-9]{2}-?[0-9]{2}T?[0-9:.]+(Z|[+-][0-9:]+)?", "TIME"),
    (r"\b(pid[ =]|nsexec\[|/proc/)[0-9]+", r"\1N"),
    (r"pytest-isolation/[0-9a-f-]+(/[\w-]+)*", "GROUP"), (r"time=\"TIME\" level=\w+ msg=", ""),
    (r"^.*? it said: ", ""), (r"^starting \w+: the Docker daemon refused: ", ""),
    (r" (Usage: docker create|See ').*$", ""),
)  # fmt: skip
"""What is another in each run, and who speaks."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one text; of the first three, and `trouble`, one is not empty."""

    kernel: str = ""
    """What the kernel has: boxes/wording.py."""
    refused: str = ""
    """What was said when no box started."""
    unwritten: str = ""
    """Why the format cannot say it."""
    recorded: str = ""
    """What the engine has on record."""
    warned: str = ""
    bites: str = ""
    """Whether it does, and what was tried."""
    trouble: str = ""
    """Why it could not be told, by no word of an engine: a time-out, a machine without a disk, a process lost."""


@dataclass(slots=True)
class Measured:
    """One technology."""

    version: str = ""
    missing: str = ""
    usual: dict[str, str] = field(default_factory=dict)
    """Limit -> what the kernel has where nothing is asked for."""
    limits: dict[str, dict[str, Outcome]] = field(default_factory=dict)
    """Limit that there are words for -> text that was tried -> what became of it."""


def measure(
    names: Sequence[str], limits: Sequence[str], *, tell: Callable[[str], None], into: dict[str, Measured]
) -> None:
    """Each technology of `names`.  `into` has a text once it was tried.  Raises KeyboardInterrupt."""
    for name in names:
        found = into[name] = Measured()
        lifetime = Lifetime()
        try:
            if name == "qemu":
                _machines(found, limits, lifetime, tell)
                continue
            spec, found.version = plain(name)
            with technology(name).launch(spec, lifetime) as box:
                notes = frozenset(box.parts.notes)
                found.usual = {limit: kernel_has(box.parts, limit) for limit in limits}
            found.limits = {limit: {} for limit in limits if limit in wording_of(technology(name))}
            for limit, became in found.limits.items():
                tell(f"{name} {limit}: {len(ASKED[limit])} texts")
                for text in ASKED[limit]:
                    became[text] = outcome(technology(name), spec, limit, text, lifetime, notes)
                    if became[text].trouble:
                        tell(f"{name} {limit} {text}: {became[text].trouble}")
        except BROKEN as error:
            found.missing = in_one_line(error)
        finally:
            lifetime.close()


def _machines(found: Measured, limits: Sequence[str], lifetime: Lifetime, tell: Callable[[str], None]) -> None:
    """Of QEMU: what its machines have of memory and processors, which it has options for.  Raises Unavailable."""
    own = of_this_host()
    found.version = version(own)
    asked = [limit for limit in limits if limit in OPTIONS]
    found.usual = {limit: size(own, limit, None, lifetime) for limit in asked}
    found.limits = {limit: {} for limit in asked}
    for limit, became in found.limits.items():
        tell(f"qemu {limit}: {len(ASKED[limit])} texts")
        for text in ASKED[limit]:
            try:
                became[text] = Outcome(kernel=size(own, limit, text, lifetime))
            except BoxError as error:
                became[text] = Outcome(refused=lasting(in_one_line(error)))


def outcome(
    made: Technology, spec: BoxSpec, limit: str, text: str, lifetime: Lifetime, known: frozenset[str] = frozenset()
) -> Outcome:
    """Start a box that is asked to have `limit` as `text` says.  `known`: what is warned of in any case."""
    try:
        box = made.launch(replace(spec, worded=((limit, text),)), lifetime)
    except Unwritten as error:
        return Outcome(unwritten=error.reason)
    except BROKEN as error:
        said = lasting(in_one_line(error))
        return Outcome(refused=said) if is_refusal(error) else Outcome(trouble=said)
    found = Outcome()
    try:
        with box:
            found = _of(box, limit, [note for note in box.parts.notes if note not in known])
            return replace(found, bites=bites(box, limit, found.kernel))
    except BROKEN as error:
        return replace(found, trouble=lasting(in_one_line(error)))


def is_refusal(error: BaseException | None) -> bool:
    """Whether an engine, or the kernel, said no: not what was waited for in vain, or lacks what the limit is of."""
    if not isinstance(error, Unavailable | BoxError) or "DEADLINE_EXCEEDED" in str(error):
        return False  # the second is gRPC's time-out, of a container runtime
    while error is not None:
        if isinstance(error, TimeoutError | subprocess.TimeoutExpired):
            return False
        error = error.__cause__ or error.__context__
    return True


def _of(box: Box, limit: str, notes: Sequence[str]) -> Outcome:
    return Outcome(
        kernel=kernel_has(box.parts, limit),
        recorded=_recorded(box.parts.recorded, limit),
        warned=lasting(" ".join(notes)),
    )


def _recorded(host: Mapping[str, object], limit: str) -> str:
    found = host.get(LIMITS[limit].recorded)
    if limit in RLIMITS and isinstance(found, list):
        same = [one for one in found if str(one["Name"]).lower().removeprefix("rlimit_") == limit]
        return ", ".join(f"{one['Soft']}:{one['Hard']}" for one in same)
    if limit == "device-read-bps" and isinstance(found, list):
        return ", ".join(str(one["Rate"]) for one in found)
    return "" if found is None else str(found)


def lasting(said: str) -> str:
    """`said` without what is another in each run, and not too long."""
    for pattern, word in PASSING:
        said = re.sub(pattern, word, said)
    return said if len(said) <= SHOWN else f"{said[: SHOWN - 3]}..."


def asked_any(found: Mapping[str, Measured]) -> bool:
    """Whether anything came of what was asked for."""
    became = (one for technology in found.values() for texts in technology.limits.values() for one in texts.values())
    return any(one.kernel or one.refused or one.unwritten for one in became)
