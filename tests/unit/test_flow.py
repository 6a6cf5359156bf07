"""The search for flows, as far as it needs no box: values by themselves, the exact test, rules, senders."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import join_sibling
from pytest_isolation.suite.flow import corpus, differ, known
from pytest_isolation.suite.flow.acts import ACTS, RESOURCES
from pytest_isolation.suite.flow.baseline import WHOLE, Baseline, Kind, kind_of, values
from pytest_isolation.suite.flow.capacity import threshold
from pytest_isolation.suite.flow.controls import openable
from pytest_isolation.suite.flow.differ import Block, How, Rule, Trial
from pytest_isolation.suite.flow.grammar import LONGEST, Grammar, Sender, smaller
from pytest_isolation.suite.flow.shrink import shrunk
from pytest_isolation.suite.flow.statistics import binomial_tail, channel, holm, least_hits

# -- statistics ---------------------------------------------------------------------------


def test_the_tail_is_exact() -> None:
    assert binomial_tail(0, 8) == 1
    assert binomial_tail(8, 8) == 1 / 256
    assert binomial_tail(7, 8) == 9 / 256
    assert binomial_tail(64, 64) == 2.0**-64


def test_more_hits_than_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="9 of 8 blocks"):
        binomial_tail(9, 8)


def test_every_pair_that_was_tested_counts() -> None:
    assert holm([1e-9, 0.04], 1000) == [pytest.approx(1e-6), 1.0]
    assert holm([0.01, 0.01], 2) == [0.02, 0.02]  # never below one that was clearer
    with pytest.raises(ValueError, match="2 chances of 1 pairs"):
        holm([0.1, 0.2], 1)


def test_the_fewest_hits_that_count() -> None:
    needed = least_hits(64, 10**6, 2)
    assert needed is not None
    assert binomial_tail(needed, 64) * 2e6 < 0.001 <= binomial_tail(needed - 1, 64) * 2e6
    assert least_hits(8, 10**6) is None


def test_coins_are_no_finding() -> None:
    """A rule that sees nothing is right by chance: of 2000 searches of 100 pairs, about two are wrong at most."""
    chance, wrong = random.Random(1), 0
    needed = least_hits(64, 100)
    assert needed is not None
    for _ in range(2000):
        wrong += any(sum(chance.random() < 0.5 for _ in range(64)) >= needed for _ in range(5))
    assert wrong <= 2


def test_a_channel_that_guesses_is_worth_nothing() -> None:
    assert channel(0, 64) == 1.0
    assert channel(32, 64) == pytest.approx(0.0)
    assert channel(64, 64) == 1.0


# -- what a value does by itself ----------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ([7, 7, 7, 7], Kind.CONSTANT),
        ([b"a", b"a"], Kind.CONSTANT),
        ([1, 2, 2, 9, 9, 10], Kind.COUNTER),
        ([9, 9, 7, 2], Kind.COUNTER),
        ([5, 9, 1, 4], Kind.RANDOM),
        ([b"a", b"b", b"a"], Kind.RANDOM),
        ([100, 201, 299, 402, 500], Kind.TIME),
    ],
)
def test_kinds_of_values(seen: list[int | bytes], kind: Kind) -> None:
    assert kind_of([(float(at), value) for at, value in enumerate(seen)]) is kind


def test_every_word_has_a_place() -> None:
    found = values(b"sockets: used 15\nTCP: inuse 2 alloc 4\n1 2.50 x\n")
    assert found[b"sockets", 0, 2] == 15
    assert found[b"TCP", 0, 4] == 4
    assert found[b"", 0, 1] == 250
    assert found[b"", 0, 2] == b"x"
    assert found[WHOLE] == 3


def test_a_number_that_moves_counts_when_it_moves_further() -> None:
    baseline = Baseline()
    for at, step in enumerate([3, 5, 4]):
        baseline.learn(0, b"n 10", b"n %d" % (10 + step), float(at))
    assert baseline.odd(0, b"n 10", b"n 14") == []
    assert [where for _, _, where in baseline.odd(0, b"n 10", b"n 60")] == [(b"n", 0, 1)]
    assert [where for _, _, where in baseline.odd(0, b"n 10 m 1", b"n 14 m 2")] == [(b"n", 0, 3)]


def test_what_ticks_hides_nothing_beside_it() -> None:
    baseline = Baseline()
    for at in range(5):
        baseline.learn(0, b"up %d\nused 4" % at, b"up %d\nused 4" % (at + 1), float(at))
    assert baseline.kind(0, (b"up", 0, 1)) is Kind.TIME
    assert baseline.kind(0, (b"used", 0, 1)) is Kind.CONSTANT
    assert [where for _, _, where in baseline.odd(0, b"up 5\nused 4", b"up 6\nused 5")] == [(b"used", 0, 1)]


# -- rules --------------------------------------------------------------------------------


def _block(acted: tuple[bytes, bytes], idle: tuple[bytes, bytes]) -> Block:
    return Block(Trial(*acted), Trial(*idle))


def test_a_rule_names_the_trial_in_which_the_sender_acted() -> None:
    up, changed = Rule((b"n", 0, 1), How.UP), Rule((b"n", 0, 1), How.CHANGED)
    block = _block((b"n 1", b"n 9"), (b"n 9", b"n 10"))
    assert block.told(up) and not block.told(changed)  # it changed in both: nothing is told
    assert not _block((b"n 1", b"n 1"), (b"n 1", b"n 1")).told(up)
    assert _block((b"n a", b"n b"), (b"n a", b"n a")).told(changed)


def test_a_rule_is_chosen_by_what_it_tells() -> None:
    moved = [_block((b"n 1", b"n 9"), (b"n 1", b"n 2"))] * 8
    assert differ.taught(moved, [(b"n", 0, 1)]) == Rule((b"n", 0, 1), How.UP)
    still = [_block((b"n 1", b"n 2"), (b"n 1", b"n 2"))] * 8
    assert differ.taught(still, [(b"n", 0, 1)]) is None
    half = [*moved[:6], *still[:2]]
    assert differ.taught(half, [(b"n", 0, 1)]) is None


def test_a_proof_counts_what_the_rule_told() -> None:
    rule = Rule((b"n", 0, 1), How.DOWN)
    seen = [_block((b"n 9", b"n 1"), (b"n 9", b"n 9"))] * 3 + [_block((b"n 9", b"n 9"), (b"n 9", b"n 9"))]
    proof = differ.proof(seen, rule)
    assert (proof.hits, proof.blocks) == (3, 4) and proof.chance == 5 / 16


def test_where_bits_are_cut() -> None:
    assert threshold([5, 0, 6, 1], [True, False, True, False]) == 3
    assert threshold([2, 2], [True, False]) == 2


# -- senders ------------------------------------------------------------------------------


def _moves(needed: str, times: int = 1) -> Callable[[Sender], bool]:
    return lambda sender: any(name == needed and many >= times for name, many in sender.acts)


def test_a_sender_is_made_small() -> None:
    sender = Sender((("tcp", 16), ("pipe", 4), ("pty", 2)))
    assert shrunk(sender, _moves("pipe")) == Sender((("pipe", 1),))
    assert shrunk(sender, _moves("tcp", 8)) == Sender((("tcp", 8),))
    assert shrunk(sender, lambda one: False) == sender


def test_shrinking_ends() -> None:
    asked: list[Sender] = []

    def moves(one: Sender) -> bool:
        asked.append(one)
        return False

    shrunk(Sender((("tcp", 16), ("pipe", 16))), moves, most=3)
    assert len(asked) == 3


def test_smaller_is_smaller() -> None:
    sender = Sender((("tcp", 16), ("pipe", 1)))
    assert all(one.size < sender.size for one in smaller(sender))
    assert smaller(Sender((("tcp", 1),))) == []


def test_every_class_of_object_gets_its_turn() -> None:
    grammar = Grammar(ACTS, random.Random(3))
    first = [sender for sender, _ in zip(grammar.first(), RESOURCES, strict=False)]
    assert {ACTS[name].resource for sender in first for name in sender.names} == set(RESOURCES)
    drawn = [grammar.draw() for _ in range(300)]
    assert {ACTS[name].resource for sender in drawn for name in sender.names} == set(RESOURCES)
    assert all(0 < len(sender.acts) <= LONGEST for sender in drawn)
    assert all(0 < times <= ACTS[name].most for sender in drawn for name, times in sender.acts)


def test_what_is_kept_is_changed() -> None:
    grammar = Grammar(ACTS, random.Random(3))
    grammar.keep(Sender((("pty", 3),)))
    assert sum("pty" in grammar.draw().names for _ in range(200)) > 20


def test_a_sender_as_text() -> None:
    assert Sender((("tcp", 16), ("epoll", 1))).text(ACTS) == (
        "for (int i = 0; i < 16; i++) socket(AF_INET, SOCK_STREAM, 0);\nepoll_create1(0);"
    )


# -- what is remembered -------------------------------------------------------------------


def test_senders_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "flow.json"
    sender = Sender((("tcp", 2),))
    corpus.add([(sender, "sockets", "6.18", "docker")], path)
    corpus.add([(sender, "sockets", "6.18", "namespaces")], path)
    (one,) = corpus.read(path)
    assert corpus.sender_of(one) == sender
    assert one["technologies"] == ["docker", "namespaces"]


@pytest.mark.parametrize("kept", ["", ', "technologies": 3', ', "technologies": [1, "docker"]'])
def test_a_record_without_technologies_is_added_to(tmp_path: Path, kept: str) -> None:
    """Somebody else's edit of the file ends no run."""
    path = tmp_path / "flow.json"
    path.write_text(f'[{{"acts": [["tcp", 1]], "resource": "sockets", "kernel": "6.18"{kept}}}]')
    corpus.add([(Sender((("tcp", 1),)), "sockets", "6.18", "docker")], path)
    assert [one["technologies"] for one in corpus.read(path)] == [["docker"]]


def test_a_search_that_found_nothing_writes_nothing(tmp_path: Path) -> None:
    corpus.add([], tmp_path / "cache" / "flow.json")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "",
        "{}",
        "[1]",
        '[{"acts": [["reboot", 1]]}]',
        '[{"acts": [["tcp", 1000000]]}]',
        '[{"acts": []}]',
        "[[[",
        "[{}]",
    ],
)
def test_what_is_no_sender_is_passed_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "flow.json"
    path.write_text(text)
    assert corpus.read(path) == []
    corpus.add([(Sender((("tcp", 1),)), "sockets", "6.18", "docker")], path)
    assert len(json.loads(path.read_text())) == 1


def test_what_is_documented_names_its_source() -> None:
    assert all(one.source and one.reads for one in known.known())
    assert {act for one in known.known() for act in one.acts} <= set(ACTS)
    found = known.of("/proc/self/net/sockstat", {"tcp"})
    assert found is not None and "KIT" in found.source
    assert known.of("/proc/self/status", {"tcp"}) is None


def test_what_two_boxes_cannot_share_by_themselves_they_share_with_the_host() -> None:
    holes = {
        name: {one.name: sorted(map(str, one.holes)) for one in openable(BoxSpec(technology=name))}
        for name in ("namespaces", "bubblewrap", "qemu")
    }
    assert holes["namespaces"]["one network namespace"] == ["join-sibling-net"]
    assert holes["bubblewrap"]["one network namespace"] == ["share-net"]
    assert "one UTS namespace" not in holes["bubblewrap"]  # nobody renames the host
    assert holes["qemu"] == {}
    opened = BoxSpec(technology="namespaces").weakened(join_sibling("net"))
    assert "one network namespace" not in {one.name for one in openable(opened)}
