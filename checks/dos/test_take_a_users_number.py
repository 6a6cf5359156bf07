"""What a user of the box takes, the machine's user of that number can still have."""

import time
from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity
from pytest_isolation.outside.limits.quotas import QUOTAS, USED_UP, Quota

apart = family(
    "dos.{entry.slug}-of-a-user",
    over=QUOTAS,
    claim="while a user of the box has some {entry.what}, the machine's user of that number can have as many as before",
    sources=lambda entry: entry.sources,
    severity=lambda entry: severity.neighbour(f"takes the {entry.what} of who has its number"),
    falsified_by=lambda entry: entry.holes,
    kind="per-window",
    intrusive=True,
    needs_root=True,
    distinct="{entry.what}: a number of the kernel's for each user, counted by itself",
)


@apart
@given(user=st.integers(20_000, 59_999))
def test_the_other_has_as_many(box: Box, promise: Guarantee, entry: Quota, user: int) -> None:
    """By at most a tenth of what the other can have: nobody but the witness is that user."""
    with ExitStack() as undo:
        proc = undo.enter_context(box.spawn())
        promise.prepared(proc.setresuid(user, user, user), "another user, whom nobody else is")
        one = undo.enter_context(box.outside.process())
        if not one.proc.setresuid(user, user, user).ok:
            promise.undecided("nobody of ours on the machine may be that user")
        before = entry.left(box, one.proc, user)
        if before < 10:
            promise.undecided(f"a user of its machine can have {before} {entry.what}: a tenth is none")
        replies = entry.take(proc, before // 10)
        if not replies:
            promise.undecided(f"the box does not let us make ready what has {entry.what}")
        left = entry.left(box, one.proc, user)
        for wait in (0.02, 0.1):  # what the witness has tried itself may be given back a moment later
            if left < before:
                time.sleep(wait)
                left = entry.left(box, one.proc, user)
        promise.tried(*replies[:1], vain=USED_UP)
        promise.require(left >= before, *replies[:1], user=user, before=before, left=left)
