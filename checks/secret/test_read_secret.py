"""What a process of a box was told, in an argument, a variable or a file, is told to nobody outside of it."""

import os
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.outside.holding import holding, read_by
from pytest_isolation.outside.shared import procs
from pytest_isolation.strategies import tokens


@dataclass(frozen=True)
class Secret:
    where: str
    who: str
    what: str
    does: str
    hole: Weakening
    why: str
    whom: str = ""

    @property
    def slug(self) -> str:
        return f"{self.where}-unread-by-{self.who}"


NUMBER = "a user of its machine who has the same number"
BY_USERS = (
    Secret(
        "arguments", "users", "argument", "shows its arguments to every user of its machine", weaken.drop("own-kernel"),
        "whoever may list processes reads their arguments: a password on a command line is everybody's",
        "an ordinary user of its machine, whoever that is,",
    ),
    Secret(
        "environment", "number", "variable", "shows its variables to who has its number", weaken.share("user"),
        "variables are shown to whoever has the number, and that is somebody else outside of the box", NUMBER,
    ),
    Secret(
        "files", "number", "file that it alone may read", "shows its files to who has its number", weaken.share("user"),
        "by the root of the process, where no path of the machine's leads: a tmpfs is no cover", NUMBER,
    ),
)  # fmt: skip
BY_SIBLINGS = (
    Secret(
        "arguments", "siblings", "argument", "reads the arguments of another box's programs",
        weaken.join_sibling("pid"), "no right is asked for: that the process is listed is enough",
    ),
    Secret(
        "environment", "siblings", "variable", "reads the variables of another box's programs",
        weaken.join_sibling("pid"), "where most programs are given their passwords, and neighbours often have one user",
    ),
    Secret(
        "files", "siblings", "file that it alone may read", "reads another box's files by its processes",
        weaken.join_sibling("pid"), "roots may be apart, and a process that is listed leads into the other",
    ),
)  # fmt: skip
SOURCES = ("man:proc(5)", "man:ptrace(2) PTRACE_MODE_READ_FSCREDS", "man:credentials(7)")

unread_by_users = family(
    "secret.{entry.slug}",
    over=BY_USERS,
    claim="{entry.whom} reads no {entry.what} of a process of the box",
    sources=SOURCES,
    severity=lambda entry: severity.neighbour(entry.does),
    falsified_by=lambda entry: entry.hole,
    oracle="receipt",
    kind="per-box",
    distinct="{entry.why}",
)


@unread_by_users
@given(token=tokens(), user=st.integers(20_000, 59_999))
def test_users_read_nothing(box: Box, promise: Guarantee, entry: Secret, token: str, user: int) -> None:
    """In the box a process of the same number, or, of arguments, of any; the decoy is a process of the host."""
    secret, decoy = f"s-{token}".encode(), f"d-{token}".encode()
    file = _file(box, entry, secret)
    with box.outside.directory() as place, box.outside.process() as reader:
        ours = os.fspath(place / decoy.decode()) if file else ""
        one = user if entry.who == "number" else None
        with holding(box.proc, secret, file, one), holding(box.outside.proc, decoy, ours, one):
            promise.prepared(reader.proc.setresgid(user, user, user), "that group, of a process of the host")
            promise.prepared(reader.proc.setresuid(user, user, user), "that user, of a process of the host")
            met, receipt = read_by(reader.proc, ["/proc"], entry.where, decoy, ours)
            if not met:
                promise.undecided("its machine shows such a user nothing of a process of its own either")
            found, told = read_by(reader.proc, ["/proc"], entry.where, secret, file)
    promise.receipt(met, *receipt)
    promise.require(not found, *told, user=user, read="what a process of the box was told")


unread_by_siblings = family(
    "secret.{entry.slug}",
    over=BY_SIBLINGS,
    claim="a process of the box reads no {entry.what} of a process of another box from the same spec",
    sources=SOURCES,
    severity=lambda entry: severity.neighbour(entry.does),
    falsified_by=lambda entry: entry.hole,
    oracle="receipt",
    kind="per-box",
    distinct="{entry.why}",
)


@unread_by_siblings
@given(token=tokens())
def test_siblings_read_nothing(box: Box, promise: Guarantee, entry: Secret, token: str) -> None:
    """The decoy is a process of the box itself."""
    secret, decoy = f"s-{token}".encode(), f"d-{token}".encode()
    theirs, ours = (_file(one, entry, name) for one, name in ((box.sibling, secret), (box, decoy)))
    with holding(box.sibling.proc, secret, theirs), holding(box.proc, decoy, ours):
        places = procs(box)
        met, receipt = read_by(box.proc, places, entry.where, decoy, ours)
        found, told = read_by(box.proc, places, entry.where, secret, theirs)
    if not receipt:
        promise.undecided("the box has no /proc with processes in it")
    promise.receipt(met, *receipt)
    promise.require(not found, *told, read="what a process of the other box was told")


def _file(box: Box, entry: Secret, word: bytes) -> str:
    """Where the box's process has one; "" where none is asked about, for a box may take no file."""
    return f"{box.scratch}/{word.decode()}" if entry.where == "files" else ""
