"""Asking for limits of a box's processes: `docker run --ulimit`, `lxc.prlimit.nofile`, RLIMIT_NOFILE of a config.json.

Further.limits_known of a technology that can be asked has the resources that it has a word for.  The hole
drop("process-limits") is a launcher that sets none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.boxes.process_limits import RESOURCES
from pytest_isolation.boxes.weakenings import drop
from pytest_isolation.errors import Unsupported
from pytest_isolation.technologies.base import further

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.process_limits import ProcessLimit
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.base import Technology

__all__ = ["ALL", "BY_ULIMIT", "check_limits", "limits_asked", "limits_known", "set_limits"]

ALL = frozenset(RESOURCES)
BY_ULIMIT = ALL - {"as"}
"""Of --ulimit: github.com/docker/go-units, ulimit.go, has no word for the address space."""


def limits_known(technology: Technology) -> frozenset[str]:
    """The resources whose limits a box of `technology` can be asked to have."""
    return further(technology).limits_known


def check_limits(technology: Technology, spec: BoxSpec) -> None:
    """Raises Unsupported where `spec` asks for a limit that the technology has no words for: never passed over."""
    known = limits_known(technology)
    if missing := [one.resource for one in spec.process_limits if one.resource not in known]:
        raise Unsupported(f"{spec.technology} cannot be asked for limits of its processes ({', '.join(missing)})")


def limits_asked(spec: BoxSpec) -> tuple[ProcessLimit, ...]:
    """What to ask for; none where the hole leaves it out."""
    return () if spec.has(drop("process-limits")) else spec.process_limits


def set_limits(proc: Proc, spec: BoxSpec) -> None:
    """Have `proc`, and whatever it makes, have what is asked for.  Raises Unsupported where the kernel refuses."""
    for one in limits_asked(spec):
        if not (reply := proc.prlimit64(0, one.number, (one.soft, one.hard))).ok:
            raise Unsupported(f"the kernel refuses {one.resource}={one.soft}:{one.hard} ({reply})")
