"""The box leaves the terminal of whoever starts it as it is."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.terminals import SET, TERMINAL, Letters
from pytest_isolation.strategies import letters

promise = guarantee(
    "dev.callers-terminal-settings-kept",
    claim="no process of the box changes the settings or the size of the terminal of whoever starts it, by any "
    "descriptor or /dev/tty",
    sources=("man:tty_ioctl(4), TCSETS, TIOCSWINSZ", "man:termios(3)"),
    severity=severity.surface("changes the settings of its caller's terminal"),
    falsified_by=weaken.drop("session"),
    kind="per-box",
    inputs="terminal",
    distinct="what a descriptor is enough for, such as standard error, in whatever session: echo, size, special keys",
)


@promise
@given(wanted=letters())
def test_settings_stay(box: Box, wanted: Letters) -> None:
    seen = TERMINAL.answer(SET, box, wanted)
    promise.held("refused" if seen.told else "isolated")
    promise.require(not seen.came, *seen.told[:4])
