"""Whether a Linux guest boots on this machine's KVM: booted in the background, while the rest is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.support.survey import survey
from pytest_isolation.support.trial import Untried
from pytest_isolation.technologies.qemu.accel import why_no_guest
from pytest_isolation.technologies.qemu.emulator import binary
from pytest_isolation.technologies.qemu.kernel import kernel as image
from pytest_isolation.technologies.qemu.machine import Machine

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.support.explain import As
    from pytest_isolation.support.kernel import Kernel


@contextmanager
def booting(kernel: Kernel, as_: As, lifetime: Lifetime) -> Iterator[Callable[[], str | None]]:
    """The answer to `Kernel.guest`, which waits for the trial; none is started where no processor runs code."""
    (runs,) = survey(kernel, (as_,), only=("virt.kvm-runs",))
    if runs.finding.status != "works":
        yield lambda: f"no guest was booted: a virtual processor runs no code ({runs.finding.cause})"
        return
    with ThreadPoolExecutor(1, "guest") as pool:
        trial = pool.submit(_boot, lifetime)
        yield trial.result


def not_booted() -> str | None:
    """The answer of a run that has no use for a guest."""
    raise Untried("not tried: no box of this run is a VM; --isolation-host boots a guest")


def _boot(lifetime: Lifetime) -> str | None:
    try:
        binary()
        return why_no_guest(Machine(kernel=image(), memory=256 * MIB), lifetime)
    except (Unavailable, BoxError) as error:
        raise Untried(f"no guest could be booted: {error}") from None
