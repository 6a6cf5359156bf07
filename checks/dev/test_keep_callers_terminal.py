"""The box does not keep the terminal of whoever starts it."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.terminals import KEPT, TERMINAL, Letters
from pytest_isolation.strategies import letters

promise = guarantee(
    "dev.callers-terminal-not-kept",
    claim="the controlling terminal of whoever starts the box, or enters it, is not that of a process of the box",
    sources=("man:setsid(2)", "man:credentials(7), Sessions", "man:tty(4)"),
    severity=severity.host("has the terminal of whoever starts it"),
    falsified_by=weaken.drop("session"),
    kind="per-box",
    inputs="terminal",
)


@promise
@given(wanted=letters())
def test_terminal_is_not_kept(box: Box, wanted: Letters) -> None:
    seen = TERMINAL.answer(KEPT, box, wanted)
    if not seen.asked:
        promise.undecided("the box has neither /dev/tty nor /proc, and the host does not see its processes")
    promise.held("isolated")
    promise.require(not seen.having, *seen.told, told_by=", ".join(seen.having))
