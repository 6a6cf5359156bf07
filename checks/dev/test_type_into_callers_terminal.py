"""The box types nothing into the terminal of whoever starts it."""

from errno import EIO

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.terminals import TERMINAL, TYPED, Letters
from pytest_isolation.strategies import letters

promise = guarantee(
    "dev.callers-terminal-not-typed-into",
    claim="no letter that a process of the box puts by TIOCSTI into the terminal of whoever starts it, by any "
    "descriptor or /dev/tty, is there for others to read as if it had been typed",
    sources=("man:tty_ioctl(4), TIOCSTI", "CVE-2017-5226", "kernel:Kconfig, LEGACY_TIOCSTI"),
    severity=severity.host("types commands into the terminal of its caller"),
    falsified_by=weaken.drop("session"),
    kind="per-box",
    inputs="terminal",
    distinct="letters that a shell takes for its user's: a terminal may be kept, and the kernel take none (6.2)",
)


@promise
@given(wanted=letters())
def test_no_letter_is_typed(box: Box, wanted: Letters) -> None:
    seen = TERMINAL.answer(TYPED, box, wanted)
    # With dev.tty.legacy_tiocsti = 0 the kernel takes letters of nobody without CAP_SYS_ADMIN: EIO.
    if seen.told and not seen.came:
        promise.tried(*seen.told, vain=(EIO,))
    promise.held("refused" if seen.told else "isolated")
    promise.require(not seen.came, *seen.told[:3])
