"""The files by which the whole machine is set do not open for writing: every one that the box has."""

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.outside.machine.files import names_of
from pytest_isolation.outside.machine.settings import PLACES, Place, files, opened

unwritable = family(
    "proc.{entry.slug}-unwritable",
    over=PLACES,
    claim="no file at or below {entry.path} opens for writing inside, whatever the box calls it",
    sources=("oci:runtime-spec config-linux readonly-paths", "man:proc(5)"),
    severity=lambda entry: severity.host(f"sets {entry.sets}"),
    falsified_by=weaken.drop("masks"),
    needs_root=True,
    kind="per-window",
    oracle="errno",
    distinct="{entry.path}: may be writable where what lies beside it is not",
)


@unwritable
def test_nothing_there_opens_for_writing(box: Box, promise: Guarantee, entry: Place) -> None:
    """Nothing is written: to be let in is to be let write."""
    if not box.parts.shares_kernel:
        raise Unsupported("the box has a kernel of its own, and sets that")
    found = list(dict.fromkeys(file for at in names_of(box, entry.path) for file in files(box.proc, entry.path, at)))
    if not found:
        raise Unsupported(f"the box has no {entry.path}")
    writable, told = opened(box.proc, found)
    promise.tried(*told)
    promise.held("refused")
    wrong = [reply for reply in told if reply.ok][:3]
    promise.require(not writable, *wrong, writable=", ".join(writable[:3]), of=len(found), opened=len(writable))
