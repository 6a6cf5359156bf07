"""Host support as rows of the report."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from pytest_isolation.boxes.local import start_local
from pytest_isolation.report.run import SupportRow, TechnologyRow
from pytest_isolation.report.support import why_not
from pytest_isolation.support.guest import booting, not_booted
from pytest_isolation.support.kernel import Kernel, look
from pytest_isolation.support.own import Own, ask
from pytest_isolation.support.own import start as own_start
from pytest_isolation.support.survey import ProbeResult, survey
from pytest_isolation.support.technologies import judge, needed_by, wanted_by
from pytest_isolation.support.technologies import technologies as asking

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.support.explain import As

PATIENCE_S = 400.0
"""For all features of one kernel image; Debian's cloud kernels take 70 to 110 s on a busy machine under TCG."""
ROOTS = ("sysctl ", "modprobe ", "mount ", "mkdir ", "apt ", "usermod ", "let systemd ")
"""How remedies begin that only root can follow."""

Rows = tuple[tuple[SupportRow, ...], tuple[TechnologyRow, ...]]


def of_this_host(lifetime: Lifetime, *, guest: bool = True) -> Rows:
    """Try everything on the running kernel: as root and as a user, or as the user we are.

    `guest`: a Linux guest is booted on KVM too, which takes twelve seconds of a processor where none comes up.
    """
    groups = f"pytest-isolation/{lifetime.run_id}-{os.getpid()}"
    lifetime.register("cgroup", groups)
    users: tuple[As, ...] = ("root", "user") if os.geteuid() == 0 else ("user",)
    with start_local() as local, ThreadPoolExecutor(2, "own word") as pool:
        kernel = look("running", local.proc, groups=groups)
        own = {as_: pool.submit(ask, [one.name for one in asking()], as_).result for as_ in users}
        with booting(kernel, users[0], lifetime) if guest else nullcontext(not_booted) as kernel.guest:
            return rows(kernel, users, own, partial(own_start, lifetime=lifetime))


def of_image(path: str, lifetime: Lifetime) -> Rows:
    """Boot the kernel image and try everything there.  Raises Unavailable, BoxError (with the console's last lines)."""
    from pytest_isolation.support.image import booted

    with booted(path, lifetime) as kernel:
        return rows(kernel, ("root", "user"))


def rows(
    kernel: Kernel,
    users: tuple[As, ...],
    own: Mapping[As, Callable[[], Mapping[str, Own]]] | None = None,
    start: Callable[[str], Own] | None = None,
) -> Rows:
    """Try everything on `kernel` as each of `users`.

    `own`: what the technologies themselves say to a user, once it is needed; `start`: what the start of one says to the
    first of `users`, who we are.
    """
    tried = survey(kernel, users, seconds=inf if kernel.name == "running" else PATIENCE_S)
    technologies = []
    for as_ in users:
        found = {one.feature.id: one.finding for one in tried if one.as_ == as_}
        said = own[as_]() if own is not None else {}
        judged = judge(
            found, as_, programs=kernel.name == "running", own=said, start=start if as_ == users[0] else None
        )
        technologies += [
            TechnologyRow(
                kernel=kernel.name,
                as_=as_,
                technology=one.technology,
                can_run=one.can_run,
                missing=one.missing,
                remedies=tuple(map(_for_reader, one.remedies)),
                lost=one.lost,
                reason=one.reason,
            )
            for one in judged
        ]
    return tuple(_row(kernel, one) for one in tried), tuple(technologies)


def _row(kernel: Kernel, tried: ProbeResult) -> SupportRow:
    feature, finding = tried.feature, tried.finding
    return SupportRow(
        kernel=kernel.name,
        as_=tried.as_,
        feature=feature.id,
        status=finding.status,
        cause=finding.cause,
        configured=finding.configured,
        tried=feature.tried,
        errno=finding.errno,
        needed_by=needed_by(feature.id, tried.as_),
        remedy=_for_reader(finding.remedy) if finding.remedy else None,
        what=feature.what,
        wanted_by=wanted_by(feature.id, tried.as_),
    )


def _for_reader(remedy: str) -> str:
    """Who is not root must ask root for some of them."""
    return f"as root: {remedy}" if os.geteuid() != 0 and remedy.startswith(ROOTS) else remedy


def failing(technologies: tuple[TechnologyRow, ...], required: tuple[str, ...]) -> list[str]:
    """Why the technologies that were required cannot run; a user's answer counts where root was not asked."""
    asked: list[str] = []
    for row in technologies:
        first = "root" if any(one.as_ == "root" and one.kernel == row.kernel for one in technologies) else "user"
        if row.technology in required and row.as_ == first and row.can_run == "no":
            asked.append(f"{row.technology} cannot run ({row.kernel} kernel, as {row.as_}): {why_not(row)}")
    return asked
