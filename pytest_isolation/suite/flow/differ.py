"""Whether a sender moves what a receiver reads: in blocks of two trials, in one of which the sender only pretends."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pytest_isolation.suite.flow.baseline import Value, Where, values
from pytest_isolation.suite.flow.grammar import Sender
from pytest_isolation.suite.flow.run import Actor, Watcher
from pytest_isolation.suite.flow.statistics import binomial_tail

TRAINING = 8
"""Blocks from which a rule is chosen; none of them counts."""
PACED, ROOM = 4, 1.5
"""How often a sender is timed, and how much longer than that a trial lasts at least."""
GLANCE = 2
"""Of those, the first: where they tell nothing, the others are not made."""
TAUGHT = 7
"""Of those, so many have to be told right by the rule."""


class How(StrEnum):
    """What a rule holds for a sign that the sender acted."""

    UP = "up"
    DOWN = "down"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Rule:
    """Of one value of what is read before and after: how much it says that the sender acted."""

    where: Where
    how: How

    def score(self, before: bytes, after: bytes) -> float:
        """More where the sender is more likely to have acted."""
        one, two = values(before).get(self.where), values(after).get(self.where)
        if self.how is How.CHANGED:
            return float(one != two)
        step = _step(one, two)
        return step if self.how is How.UP else -step


def _step(one: Value | None, two: Value | None) -> float:
    return float(two - one) if isinstance(one, int) and isinstance(two, int) else 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What was read before and after one sender, or its pretence."""

    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """Two trials; which came first was drawn by chance."""

    acted: Trial
    idle: Trial

    def told(self, rule: Rule) -> bool:
        """Whether the rule names the one in which the sender acted."""
        return rule.score(self.acted.before, self.acted.after) > rule.score(self.idle.before, self.idle.after)


def trial(
    actor: Actor, watcher: Watcher, sender: Sender, numbers: Sequence[int], *, acts: bool, seconds: float = 0.0
) -> list[Trial]:
    """Look, act or pretend, look, `seconds` between the two at least; then all is undone.  One for each receiver."""
    before = watcher.look(numbers)
    until = time.monotonic() + seconds
    if acts:
        actor.act(sender)
    else:
        actor.pretend(sender)
    if (left := until - time.monotonic()) > 0:
        time.sleep(left)
    after = watcher.look(numbers)
    actor.undo()
    return [Trial(*one) for one in zip(before, after, strict=True)]


def blocks(
    actor: Actor,
    watcher: Watcher,
    sender: Sender,
    numbers: Sequence[int],
    many: int,
    chance: random.Random,
    *,
    pretending: bool = False,
) -> dict[int, list[Block]]:
    """So many blocks for each receiver, by its number, each in an order drawn by chance; all receivers look at once.

    A sender that acts takes longer than one that pretends, and then every clock of the receiver has gone further.  So
    each trial lasts as long as chance says, from what the sender takes to twice that.  `pretending`: no trial is
    acted, and all is called as if.
    """
    found: dict[int, list[Block]] = {number: [] for number in numbers}
    least = paces(actor, sender)
    for _ in range(many if numbers else 0):
        order = [True, False]
        chance.shuffle(order)
        done = {
            acts: trial(
                actor, watcher, sender, numbers, acts=acts and not pretending, seconds=least * chance.uniform(1, 2)
            )
            for acts in order
        }
        for number, acted, idle in zip(numbers, done[True], done[False], strict=True):
            found[number].append(Block(acted, idle))
    return found


def paces(actor: Actor, sender: Sender) -> float:
    """Seconds that the sender surely takes no longer than: asked once."""
    if sender not in actor.paces:
        taken = []
        for _ in range(PACED):
            began = time.monotonic()
            actor.act(sender)
            taken.append(time.monotonic() - began)
            actor.undo()
        actor.paces[sender] = ROOM * sorted(taken)[-2]
    return actor.paces[sender]


def rules(where: Where) -> Sequence[Rule]:
    """All that can be asked of one value."""
    return tuple(Rule(where, how) for how in (How.UP, How.DOWN, How.CHANGED))


def taught(seen: Sequence[Block], places: Iterable[Where]) -> Rule | None:
    """The rule that tells most blocks right, at least TAUGHT in TRAINING of them; None: none does."""
    scored = [(sum(block.told(rule) for block in seen), rule) for where in places for rule in rules(where)]
    best = max(scored, key=lambda one: one[0], default=(0, None))
    return best[1] if best[0] * TRAINING >= TAUGHT * len(seen) else None


@dataclass(frozen=True, slots=True)
class Proof:
    """Blocks that were not known when the rule was chosen."""

    hits: int
    blocks: int

    @property
    def chance(self) -> float:
        """Of as many by chance, uncorrected."""
        return binomial_tail(self.hits, self.blocks)

    def __add__(self, other: Proof) -> Proof:
        return Proof(self.hits + other.hits, self.blocks + other.blocks)


def proof(seen: Sequence[Block], rule: Rule) -> Proof:
    """How many blocks the rule tells right."""
    return Proof(sum(block.told(rule) for block in seen), len(seen))
