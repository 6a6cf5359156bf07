"""Who stops a box asks it to end, waits for as long as was said, and then ends all of it."""

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.boxes.life import signal_called
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.guarantees.severity import Consequence
from pytest_isolation.outside.ends import Stopped, stopped

ASKED = (("SIGTERM", 1), ("SIGUSR1", 2), ("SIGHUP", 1))
"""By which signal a box is asked to end, and for how many seconds it is waited."""
EARLY = 0.3
"""Seconds: the end may be by a clock of whole seconds, and was asked for a little before the technology had heard."""


@dataclass(frozen=True)
class Stop:
    slug: str
    claim: str
    hole: Weakening
    reach: Consequence
    why: str
    kept: Callable[[Stopped, int, int], bool]
    """Of what was seen, the signal's number and the seconds."""


STOPS = (
    Stop("signal-arrives", "its first process is sent the signal that was chosen for it", weaken.drop("graceful-stop"),
         severity.portability("is ended without the signal that lets it end in order"), "that it is asked",
         lambda seen, number, _: number in seen.signals),
    Stop("waits", "its first process goes on for as long as it was given", weaken.drop("graceful-stop"),
         severity.portability("is ended before the time that it was given"),
         "that it is waited for, whatever it was sent",
         lambda seen, _, seconds: seen.lived >= seconds - EARLY),
    Stop("ends-all", "none of its processes goes on after the time that it was given", weaken.drop("forced-stop"),
         severity.use("runs on after it was stopped"), "that an end comes, whatever the box does",
         lambda seen, _, __: not seen.left),
)  # fmt: skip

kept = family(
    "life.stop-{entry.slug}",
    over=STOPS,
    claim="when the box is stopped, {entry.claim}",
    sources=("man:signal(7)", "https://docs.docker.com/reference/cli/docker/container/stop/", "man:podman-stop(1)"),
    severity=lambda entry: entry.reach,
    falsified_by=lambda entry: entry.hole,
    kind="per-window",
    inputs="stop",
    distinct="{entry.why}",
)


@kept
@given(asked=st.sampled_from(ASKED))
def test_it_is_asked_waited_for_and_ended(box: Box, promise: Guarantee, entry: Stop, asked: tuple[str, int]) -> None:
    name, seconds = asked
    seen = stopped(box, name, seconds)
    promise.require(
        entry.kept(seen, signal_called(name), seconds),
        f"asked by {name}, given {seconds} s",
        signals=" ".join(map(str, seen.signals)) or "none",
        lived=round(seen.lived, 2),
        took=round(seen.took, 2),
        left=seen.left,
    )
