"""What a plain container of a pod is made like, and what opens each hole in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_isolation.boxes.weakenings import drop, hand_in
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.capabilities import FILTERED, granted
from pytest_isolation.technologies.container import GRANTED, OF_ENGINES, ContainerPlan, grants
from pytest_isolation.technologies.cri.wording import WORDING
from pytest_isolation.technologies.opens import Opens, by, sets
from pytest_isolation.technologies.wording import lossy_words, worded


@dataclass(slots=True)
class Plan(ContainerPlan):
    """How a plain container is made.  What joins a namespace of the sibling's is in its pod."""

    granted: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    """Further ones of its processes."""
    confined: bool = True
    """By a system call filter, where one is asked for."""
    no_new_privs: bool = True
    """Where it is asked for."""
    masks: bool = True


OPENS: Opens = {
    **OF_ENGINES,
    **granted(grants, GRANTED, filtered=FILTERED),
    drop("seccomp"): sets("confined", False),
    drop("no-new-privs"): sets("no_new_privs", False),
    drop("masks"): sets("masks", False),
    **lossy_words(WORDING, by(worded)),
    hand_in("group"): sets("groups", [launcher.HANDED_GROUP]),
    hand_in("variable"): by(launcher.environment),
}
