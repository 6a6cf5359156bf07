"""The search for depth by itself: boxes are told by a table of what breaks what, none is started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_isolation.boxes.weakenings import Weakenings, drop, grant, lossy, share
from pytest_isolation.suite.depth.search import Found, Question, search
from pytest_isolation.suite.weakened import Answers

HOLES = frozenset({share("pid"), share("net"), drop("seccomp"), grant("BPF"), grant("CHOWN"), grant("SYS_ADMIN")})


class Told:
    """Answers by a table: guarantee -> the sets that break it, with all their supersets."""

    def __init__(self, table: dict[str, list[Weakenings]], refused: Weakenings = frozenset(), most: int = 999) -> None:
        self.table, self.refused, self.most = table, refused, most
        self.asked: list[tuple[Weakenings, list[str]]] = []

    def __call__(self, questions: Sequence[Question]) -> Iterator[tuple[Weakenings, Answers]]:
        for these, ids in questions:
            if len(self.asked) == self.most:
                return
            self.asked.append((these, list(ids)))
            answers = {id: any(one <= these for one in self.table[id]) for id in ids}
            yield these, "it does not start" if these & self.refused else answers


def searched(told: Told, falsifiers: dict[str, Weakenings] | None = None) -> Found:
    known: dict[str, Weakenings] = {id: (falsifiers or {}).get(id, frozenset()) for id in told.table}
    return search(HOLES, known, told)


def test_single_holes_that_break_a_guarantee_are_all_found() -> None:
    told = Told({"a.one": [frozenset({share("pid")}), frozenset({grant("BPF")})], "a.two": []})
    found = searched(told)
    assert set(found.breakers["a.one"]) == {frozenset({share("pid")}), frozenset({grant("BPF")})}
    assert "a.two" not in found.breakers and found.asked("a.two") > 0
    assert set(found.opened) == HOLES and not found.refused


def test_what_holds_with_all_capabilities_is_not_asked_for_with_each() -> None:
    told = Told({"a.one": [frozenset({grant("BPF")})], "a.two": [frozenset({share("pid")})]})
    searched(told)
    with_one = [ids for these, ids in told.asked if len(these) == 1 and these <= {grant("BPF"), grant("CHOWN")}]
    assert with_one == [["a.one"], ["a.one"]]


def test_a_falsifier_of_several_is_taken_apart() -> None:
    pair = frozenset({share("net"), drop("seccomp")})
    told = Told({"a.deep": [pair]})
    found = searched(told, {"a.deep": pair | {grant("CHOWN")}})
    assert found.breakers == {"a.deep": [pair]}
    assert found.together[2] >= 1


def test_parts_that_falsifiers_have_in_common_are_asked_in_one_box_and_once() -> None:
    pair = frozenset({share("net"), share("pid")})
    told = Told({"a.one": [pair], "a.two": [pair], "a.firm": []})
    found = searched(told, dict.fromkeys(told.table, pair))
    assert found.breakers == {"a.one": [pair], "a.two": [pair]}
    assert [ids for these, ids in told.asked if these == pair] == [["a.one", "a.two", "a.firm"]]


def test_pairs_of_the_strongest_holes_are_tried() -> None:
    pair = frozenset({share("net"), share("pid")})
    told = Told({"a.net": [frozenset({share("net")})], "a.pid": [frozenset({share("pid")})], "a.deep": [pair]})
    found = searched(told)
    assert found.breakers["a.deep"] == [pair] and found.together == {2: 1}


def test_what_one_hole_breaks_is_in_no_pair() -> None:
    told = Told({"a.net": [frozenset({share("net")})], "a.pid": [frozenset({share("pid")})]})
    searched(told)
    assert not [these for these, _ in told.asked if these == {share("net"), share("pid")}]


def test_a_hole_that_cannot_be_opened_has_its_reason_and_counts_for_nothing() -> None:
    told = Told({"a.one": [frozenset({share("pid")})]}, refused=frozenset({share("pid")}))
    found = searched(told)
    assert found.refused == {share("pid"): "it does not start"} and not found.breakers


def test_the_end_of_the_time_is_said() -> None:
    told = Told({"a.one": [frozenset({share("pid")})]}, most=2)
    found = searched(told)
    assert found.cut_short and len(told.asked) == 2


def test_the_holes_of_most_falsifiers_come_first() -> None:
    told = Told({"a.one": [], "a.two": []})
    searched(told, dict.fromkeys(told.table, frozenset({share("pid")})))
    assert next(these for these, _ in told.asked if len(these) == 1) == {share("pid")}


def test_no_box_is_started_for_what_concerns_nobody() -> None:
    told = Told({"a.one": []})
    search(
        frozenset({lossy("times"), share("pid")}),
        {"a.one": frozenset()},
        told,
        concerns=lambda these, id: lossy("times") not in these,
    )
    assert [these for these, _ in told.asked] == [{share("pid")}]


def test_a_part_that_gave_no_answer_is_asked_again() -> None:
    """A busy machine decides nothing of it once: it is no second layer."""
    told, silent = Told({"a.net": [frozenset({share("net")})], "a.pid": [frozenset({share("pid")})]}), [True]

    def once_silent(questions: Sequence[Question]) -> Iterator[tuple[Weakenings, Answers]]:
        for these, answers in told(questions):
            if these == {share("net")} and silent and not isinstance(answers, str):
                silent.clear()
                answers = {id: broken for id, broken in answers.items() if id != "a.net"}
            yield these, answers

    found = search(HOLES, dict.fromkeys(told.table, frozenset({share("net"), share("pid")})), once_silent)
    assert found.breakers["a.net"] == [frozenset({share("net")})]


def test_what_no_box_was_asked_about_is_asked_where_the_strongest_are_open() -> None:
    told = Told({"a.pid": [frozenset({share("pid")})], "b.alone": []})
    found = search(
        HOLES, dict.fromkeys(told.table, frozenset()), told, concerns=lambda these, id: not id.startswith("b.")
    )
    assert found.asked("a.pid") and found.answered["b.alone"] == {frozenset({share("pid")})}


def test_a_hole_made_for_one_family_is_in_no_pair_before_one_that_breaks_others() -> None:
    family = {f"a.{number}": [frozenset({share("pid")})] for number in range(9)}
    told = Told(
        family | {"b.net": [frozenset({share("net")})], "b.filter": [frozenset({drop("seccomp")})], "c.deep": []}
    )
    known = {id: frozenset({share("pid")}) if id in family else frozenset() for id in told.table}
    search(HOLES, known, told)
    pairs = [these for these, _ in told.asked if len(these) == 2]
    assert pairs[0] == {share("net"), drop("seccomp")}
