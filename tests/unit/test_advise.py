"""The search for the fewest keywords: what is enough, what is needed together; what was not tried is not advised."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from pytest_isolation import cli
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.options.boxes import parse, unparse
from pytest_isolation.report import advice
from pytest_isolation.report.run import Run
from pytest_isolation.suite.advise.changes import Change, applied, changes, table
from pytest_isolation.suite.advise.search import Found, search
from pytest_isolation.technologies import names, technology

RUN = Run.from_json(json.loads((Path(__file__).parents[1] / "data" / "run.json").read_text()))
SPEC = BoxSpec(technology="docker")
Kept = Mapping[str, Sequence[set[str]]]
"""Guarantee -> sets of changes, any of which mends it."""


class World:
    """Boxes whose rows follow from the changes they were started with."""

    def __init__(self, kept: Kept, *, refuses: Callable[[set[str]], bool] = lambda held: False) -> None:
        self.kept, self.refuses = kept, refuses
        self.tried: list[set[str]] = []

    def apply(self, spec: BoxSpec, given: Sequence[Change]) -> BoxSpec:
        return BoxSpec(technology="docker", options=(("given", tuple(one.text for one in given)),))

    def measure(self, specs: Sequence[BoxSpec], ids: Sequence[str]) -> Mapping[str, Found]:
        return {spec.name: self.found(set(spec.option("given")), ids) for spec in specs}

    def found(self, held: set[str], ids: Sequence[str]) -> Found:
        self.tried.append(held)
        if self.refuses(held):
            return "the daemon refuses it"
        return {
            id: Verdict.HOLDS if any(one <= held for one in self.kept.get(id, ())) else Verdict.VIOLATED for id in ids
        }

    def advised(self, **costs: int) -> tuple[list[str], tuple[str, ...]]:
        given = [Change(text=name, cost=cost) for name, cost in costs.items()]
        found = search(SPEC, given, [*self.kept], measure=self.measure, apply=self.apply)
        chosen = [one.text for one in found.chosen]
        assert not chosen or set(chosen) in self.tried, "advised, and not tried"
        return chosen, found.mends


def test_one_that_mends_both_is_better_than_two() -> None:
    world = World({"a": [{"x"}, {"both"}], "b": [{"y"}, {"both"}]})
    assert world.advised(x=1, y=1, both=3) == (["both"], ("a", "b"))


def test_of_two_that_mend_the_same_the_cheaper() -> None:
    assert World({"a": [{"dear"}, {"cheap"}]}).advised(dear=3, cheap=1) == (["cheap"], ("a",))


def test_the_greedy_choice_is_not_the_smallest() -> None:
    # Most at once is `four`, which then needs two more; `left` and `right` are enough.
    kept = {
        "a": [{"left"}, {"four"}],
        "b": [{"left"}, {"four"}],
        "c": [{"left"}],
        "d": [{"right"}, {"four"}],
        "e": [{"right"}, {"four"}],
        "f": [{"right"}],
    }
    assert World(kept).advised(four=1, left=1, right=1)[0] == ["left", "right"]


def test_what_is_defended_in_depth_needs_both() -> None:
    world = World({"a": [{"x", "y"}]})
    assert world.advised(x=1, idle=1, y=2) == (["x", "y"], ("a",))


def test_a_change_that_another_makes_needless_is_left_out() -> None:
    world = World({"a": [{"x"}, {"y", "z"}], "b": [{"y", "z"}]})
    assert world.advised(x=1, y=1, z=1) == (["y", "z"], ("a", "b"))


def test_nothing_mends_it() -> None:
    assert World({"a": []}).advised(x=1, y=1) == ([], ())


def test_one_that_does_not_start_is_not_advised() -> None:
    world = World({"a": [{"x"}, {"y"}]}, refuses=lambda held: "x" in held)
    assert world.advised(x=1, y=2) == (["y"], ("a",))


def test_two_that_do_not_start_together() -> None:
    world = World({"a": [{"x"}], "b": [{"y"}], "c": [{"y"}]}, refuses=lambda held: held == {"x", "y"})
    assert world.advised(x=1, y=1) == (["y"], ("b", "c"))


# -- what can be changed ---------------------------------------------------------------------

ENTRIES = [(name, key, entry) for name, held in table()["give"].items() for key, entry in held.items()]


@pytest.mark.parametrize(("name", "key", "entry"), ENTRIES, ids=[f"{name}-{key}" for name, key, _ in ENTRIES])
def test_an_entry_is_a_box(name: str, key: str, entry: dict[str, object]) -> None:
    assert name in names() and set(entry) == {"box", "words", "breaks", "cost", "source"}
    assert entry["words"] and entry["cost"] in (1, 2, 3)
    given = next(one for one in changes(BoxSpec(technology=name)) if one.give == entry["box"])
    made = applied(BoxSpec(technology=name), (given,))
    assert made is not None and parse(unparse(made)) == made != BoxSpec(technology=name)


def test_what_holes_a_keyword_opens() -> None:
    for name, held in table()["hole"].items():
        assert set(held) <= set(map(str, technology(name).weakenings()))
        assert all(one.partition("=")[0] in table()["without"][name] for one in held.values())


def test_what_was_given_can_be_taken_out_one_by_one() -> None:
    spec = parse("docker:pid_mode=host,cap_add=SYS_PTRACE+SYS_TIME,network=host,weaken=share-ipc,runtime=runc")
    found = {one.text: one for one in changes(spec) if one.take[0]}
    assert list(found) == [
        "without weaken=share-ipc",
        "without cap_add=SYS_PTRACE",
        "without cap_add=SYS_TIME",
        "without pid_mode=host",
        "without network=host",
    ]
    left = applied(spec, [found["without cap_add=SYS_PTRACE"], found["without pid_mode=host"]])
    assert left is not None and unparse(left) == "docker:network=host,weaken=share-ipc,cap_add=SYS_TIME+,runtime=runc"
    assert found["without weaken=share-ipc"].words["docker run"] == "without --ipc=host"
    assert found["without cap_add=SYS_TIME"].words["kubernetes"] == (
        "without securityContext: {capabilities: {add: [SYS_TIME]}}"
    )


def test_what_is_kept_is_not_tried() -> None:
    spec = parse("docker:pid_mode=host")
    assert not any("pid_mode" in one.text for one in changes(spec, ["pid_mode"]))
    assert not any("network" in one.give for one in changes(spec, ["network"]))


def test_a_limit_that_somebody_chose_stays() -> None:
    assert not any("memory" in one.give for one in changes(parse("docker:memory=64M")))
    assert any(one.text == "network=none" for one in changes(parse("docker:network=host")))


def test_lists_are_added_to() -> None:
    spec = parse("docker:security_opt=seccomp=unconfined")
    one = next(one for one in changes(spec) if "security_opt" in one.give)
    made = applied(spec, (one,))
    assert made is not None
    assert set(made.option("security_opt")) == {"seccomp=unconfined", "no-new-privileges"}


# -- in words --------------------------------------------------------------------------------


def test_nothing_to_mend() -> None:
    found = advice.Advice("docker", "docker", "docker", (), (), (), (), RUN)
    assert advice.text(found) == "docker: nothing that was measured is violated\n"


def test_words_of_each_syntax_say_what_they_lack() -> None:
    broken = next(row.guarantee for row in RUN.results if row.verdict == "violated" and row.box == "docker")
    steps = (
        advice.Step("ipc_mode=private", (broken,), {"docker run": "--ipc=private"}, "joins"),
        advice.Step("pids=512", (), {"docker run": "--pids-limit=512", "compose": "pids_limit: 512"}, "many"),
    )
    found = advice.Advice("docker", "docker", "docker:pids=512", (broken,), steps, (broken,), (), RUN)
    said = advice.text(found, width=200)
    assert said.startswith("docker: 2 changes mend 1 of 1 violated\n")
    assert "  docker run: --ipc=private --pids-limit=512\n" in said
    assert "  compose: pids_limit: 512 (it has no word for ipc_mode=private)\n" in said
    assert "nothing by itself: it is needed beside the others" in said
    told = advice.to_json(found)
    assert told["schema"] == advice.SCHEMA and told["steps"][1]["words"]["compose"] == "pids_limit: 512"
    assert json.loads(json.dumps(told)) == told


MISTAKES = [
    (["--box", "docker:container=mine"], "describe it by its keywords instead, as in --box docker:KEY=VALUE"),
    (["--box", "dokcer"], "no technology is called 'dokcer'"),
    (["--box", "namespaces", "--isolation-only", "nothing.*"], "no guarantee has such an id"),
    (["--box", "namespaces", "--isolation-examples", "0"], "expected a whole number above 0"),
]


@pytest.mark.parametrize(("words", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_mistake(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["advise", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_key_that_no_such_box_has_is_not_kept() -> None:
    with pytest.raises(UsageError, match=r"--keep 'netwrok': .*; did you mean 'network'"):
        changes(BoxSpec(technology="docker"), ["netwrok"])


def test_what_is_taken_out_has_words_in_every_syntax() -> None:
    """Braces of Kubernetes' own are no place for a value."""
    for name, keys in table()["without"].items():
        for key in keys:
            if key == "network":
                continue
            first = changes(BoxSpec(technology=name, options=((key, "VALUE"),)))[0]
            assert set(first.words) == set(keys[key]), (name, key)
            for text in first.words.values():
                assert "{}" not in text and "{{" not in text and text.count("{") == text.count("}")
    (privileged, *_) = changes(BoxSpec(technology="docker", options=(("privileged", "true"),)))
    assert privileged.words["kubernetes"] == "without securityContext: {privileged: true}"
