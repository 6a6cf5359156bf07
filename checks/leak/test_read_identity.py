"""What names its machine, or the start of it, is in no file that the box reads."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.outside.machine import leaks


@dataclass(frozen=True)
class Name:
    slug: str
    path: str
    what: str
    does: str
    source: str
    distinct: str


NAMES = (
    Name(
        "boot-id", "/proc/sys/kernel/random/boot_id", "the number of its machine's boot",
        "learns its machine's boot by its number", "man:random(4), boot_id",
        "two boxes that read the same number know that they are neighbours",
    ),
    Name(
        "cmdline", "/proc/cmdline", "the command line of its machine's kernel",
        "learns with which words its machine's kernel was started", "man:proc_cmdline(5)",
        "which defences the kernel has, and what disk it has its root on",
    ),
)  # fmt: skip
SHORT = 16
"""Letters: what is shorter may be in a box by itself."""

unread = family(
    "leak.{entry.slug}",
    over=NAMES,
    claim="no file of /proc or /sys gives the box {entry.what}",
    sources=lambda entry: (entry.source,),
    severity=lambda entry: severity.learns(entry.does),
    falsified_by=weaken.drop("own-kernel"),
    oracle="receipt",
    kind="per-window",
    distinct="{entry.distinct}",
)


@unread
@given(child=st.booleans())
def test_no_file_has_it(box: Box, promise: Guarantee, entry: Name, child: bool) -> None:
    word = read(box.outside.proc, entry.path).data.strip()
    if len(word) < SHORT:
        raise Unsupported(f"{entry.path} of its machine says nothing that is its alone")
    there = [entry.path, *(one for one in leaks.holding(box, word) if one != entry.path)]
    with box.spawn() as other:
        proc = other if child else box.proc
        promise.receipt(bool(leaks.called(proc)), "clock_gettime(2)")
        found = [path for path, data in leaks.contents(proc, there).items() if word in data]
        if not found and not leaks.has_proc(proc):
            promise.undecided("the box has no /proc")
    promise.require(not found, found=", ".join(found), begins=word.decode(errors="replace")[:8])
