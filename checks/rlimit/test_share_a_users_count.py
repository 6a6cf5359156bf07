"""A user of the box has not used up what the machine's user of that number has taken."""

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.outside.limits.resources import SHARED, Shared

apart = family(
    "rlimit.{entry.slug}-not-shared",
    over=SHARED,
    claim="the {entry.what} of a user of the machine are not counted for the user of the box who has the same number",
    sources=lambda entry: (entry.source, "man:user_namespaces(7)"),
    severity=lambda entry: severity.neighbour(f"uses up the {entry.what} of others with its number"),
    falsified_by=weaken.share("user"),
    kind="per-window",
    needs_root=True,
    distinct="{entry.what}: a limit that is of a user, and not of a box",
)


@apart
@given(user=st.integers(20_000, 59_999))
def test_each_has_a_count_of_its_own(box: Box, promise: Guarantee, entry: Shared, user: int) -> None:
    with ExitStack() as undo:
        proc = undo.enter_context(box.spawn())
        if not (changed := proc.setresuid(user, user, user)).ok:
            user = proc.call("getuid").value
            if user == 0 and entry.spares_root:
                promise.prepared(changed, "another user than root, whom that limit spares")
        room = entry.given(proc)
        promise.prepared(proc.prlimit64(0, entry.limit, (room, room)), "a limit")
        # With the limit, and before anybody else has taken something, there is room.
        promise.prepared(entry.few(proc, undo), f"{entry.what} below that limit")
        one = undo.enter_context(box.outside.process())
        if not one.proc.setresuid(user, user, user).ok:
            promise.undecided("nobody of ours on the machine may be that user")
        if not (taken := entry.many(one.proc, undo)).ok:
            promise.undecided(f"the machine gives its own user no more {entry.what} ({taken.name})")
        reply = entry.few(proc, undo)
        promise.require(reply.ok, reply, user=user, room=room)
