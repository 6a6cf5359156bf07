"""Of port.behaviour-*: numbers become calls, a difference has a place and a sort, and is made as small as it can be."""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence

import pytest

from pytest_isolation.agent.numbers import number
from pytest_isolation.agent.program import Reply
from pytest_isolation.boxes import skewed
from pytest_isolation.boxes.weakenings import SKEWED, lossy
from pytest_isolation.errors import BoxError
from pytest_isolation.outside.behaviour.compared import Compared
from pytest_isolation.outside.behaviour.kinds import BY_NAME, KINDS
from pytest_isolation.outside.behaviour.play import Call, Seen, outcome, shown
from pytest_isolation.suite.behaviour.measure import Calls, differing, drawn, minimal, sort_of


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_number_is_a_call(kind: object) -> None:
    one = BY_NAME[kind.name]  # type: ignore[attr-defined]
    calls = one.calls((verb, 7, 0, 7) for verb in range(16))
    assert {call.verb for call in calls} <= one.verbs.keys() and len(calls) == min(16, one.most)
    if one.most >= 16:
        assert {call.verb for call in calls} == one.verbs.keys()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_check_leaves_no_verb_out(kind: object) -> None:
    one = BY_NAME[kind.name]  # type: ignore[attr-defined]
    assert one.whole([]) == tuple(map(Call, one.verbs))
    few = [(0, 1, 2, 3)] * 3
    assert one.whole(few) == (*one.calls(few), *one.whole([]))


def test_the_same_seed_draws_the_same() -> None:
    assert drawn("names", 20, 5) == drawn("names", 20, 5) != drawn("names", 20, 6)
    assert max(map(len, drawn("processes", 50, 1))) <= BY_NAME["processes"].most


def test_a_filter_refuses_what_its_hole_says_and_nothing_else() -> None:
    assert skewed.answers(frozenset({lossy("modes")})) == {}
    answered = skewed.answers(frozenset(map(lossy, SKEWED)))
    assert answered["linkat"] == errno.EPERM and len(answered) == len(SKEWED)
    code = list(struct.iter_unpack("<HBBI", skewed.code(answered.items(), "aarch64")))
    assert {k for op, _, _, k in code if op == skewed.EQUAL} == {number(call, "aarch64") for call in answered}
    assert code[-1] == (skewed.RETURN, 0, 0, skewed.ALLOW)


def test_what_is_told_of_a_call() -> None:
    assert outcome(Reply("read", (), -errno.EBADF), str) == "EBADF"
    assert shown(b"a\0") == repr(b"a\0")[1:]
    assert shown(bytes(100)).startswith("100 bytes ") and shown(bytes(100)) != shown(b"\1" + bytes(99))


def seen(*results: str) -> tuple[Seen, ...]:
    return tuple(Seen(f"call{at}", result, at) for at, result in enumerate(results))


def test_the_first_difference_has_a_place() -> None:
    assert Compared(seen("0", "1"), seen("0", "1")).first is None
    one = Compared(seen("0", "0", "EIO"), seen("0", "0", "0"))
    assert (one.differing, one.program) == (2, ("call0 = 0", "call1 = 0"))
    assert Compared(seen("0"), seen("0", "1")).differing == 1
    assert Compared(seen("0", "1"), seen("0")).first == (Seen("call1", "1", 1), Seen("nothing", "no call"))


def test_a_sort_is_the_call_and_what_came_of_it() -> None:
    def sort(call: str, one: str, other: str) -> tuple[str, str, str]:
        return sort_of((Seen(call, one), Seen(call, other)))

    assert sort("f0 = open(a, O_RDWR)", "done", "EACCES") == sort("f1 = open(b, O_RDWR)", "done", "EACCES")
    assert sort("renameat2(a, b, 0)", "0", "EXDEV") != sort("renameat2(a, b, RENAME_EXCHANGE)", "0", "EXDEV")
    mode, links = ("file 700, 2 names", "file 644, 2 names"), ("file 644, 1 names", "file 644, 2 names")
    assert sort("lstat(a)", *mode) != sort("lstat(a)", *links)


def boxed(these: Sequence[Calls]) -> list[Compared]:
    """A place in which `b` after `a` gives EIO, and `d` gives ENOSYS."""
    found = []
    for calls in these:
        ends, made = [], set[str]()
        for call in calls:
            ends.append("ENOSYS" if call.verb == "d" else "EIO" if call.verb == "b" and "a" in made else "0")
            made.add(call.verb)
        names = [call.verb for call in calls]
        sides = [
            [Seen(n, e, at) for at, (n, e) in enumerate(zip(names, one, strict=True))]
            for one in (["0"] * len(calls), ends)
        ]
        found.append(Compared(tuple(sides[0]), tuple(sides[1])))
    return found


def test_what_hides_behind_a_difference_is_found_and_each_is_made_small() -> None:
    sequence = tuple(map(Call, "cdcadcb"))
    found = differing(boxed, [sequence])
    assert found.keys() == {("d", "an answer", "ENOSYS"), ("b", "an answer", "EIO")}
    smallest = {minimal(boxed, some)[0] for some in found.values()}
    assert smallest == {(Call("d"),), (Call("a"), Call("b"))}


def test_a_difference_that_does_not_come_again_is_trouble() -> None:
    with pytest.raises(BoxError, match="asked again"):
        minimal(boxed, [(Call("c"),)])
