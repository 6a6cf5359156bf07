"""Senders: short lists of acts, drawn so that every class of kernel object gets its turn, and changed at random."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_isolation.suite.flow.acts import Act

LONGEST = 4
"""Acts of one sender."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Names of acts, each with how often it is done in a row."""

    acts: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return ", ".join(f"{name} x {times}" if times > 1 else name for name, times in self.acts)

    @property
    def size(self) -> int:
        """Acts, repetitions counted."""
        return sum(times for _, times in self.acts)

    @property
    def names(self) -> frozenset[str]:
        """Of its acts."""
        return frozenset(name for name, _ in self.acts)

    def text(self, acts: Mapping[str, Act]) -> str:
        """As C, a line an act."""
        return "\n".join(_line(acts[name].text, times) for name, times in self.acts)


def _line(text: str, times: int) -> str:
    return f"{text};" if times == 1 else f"for (int i = 0; i < {times}; i++) {text};"


class Grammar:
    """Draws senders from the `acts` that work on a side."""

    def __init__(self, acts: Mapping[str, Act], chance: random.Random) -> None:
        self._acts, self._chance = acts, chance
        self._kept: list[Sender] = []
        self._used: Counter[str] = Counter()
        """How often each class of kernel object was in a sender."""
        self._resources: dict[str, list[str]] = {}
        for act in acts.values():
            self._resources.setdefault(act.resource, []).append(act.name)

    def first(self) -> Iterator[Sender]:
        """Every act by itself, as often as it may be done, then once: classes take turns."""
        for many in (True, False):
            lists = [self._chance.sample(names, len(names)) for names in self._resources.values()]
            while any(lists):
                for names in lists:
                    if names:
                        name = names.pop()
                        yield self._counted(Sender(((name, self._acts[name].most if many else 1),)))

    def keep(self, sender: Sender) -> None:
        """It gave what no sender gave before: it will be changed."""
        self._kept.append(sender)

    def draw(self) -> Sender:
        """A new one, or one that is kept, changed."""
        if self._kept and self._chance.random() < 0.5:
            return self._counted(self._changed(self._chance.choice(self._kept)))
        acts = [self._act() for _ in range(self._chance.randint(1, LONGEST))]
        return self._counted(Sender(tuple(acts)))

    def _act(self) -> tuple[str, int]:
        """Of a class that was seldom used."""
        few = min(self._used[resource] for resource in self._resources)
        rare = [resource for resource in self._resources if self._used[resource] <= few + 2]
        act = self._acts[self._chance.choice(self._resources[self._chance.choice(rare)])]
        return act.name, min(act.most, self._chance.choice([1, 1, 2, act.most // 2 or 1, act.most]))

    def _changed(self, sender: Sender) -> Sender:
        acts: list[tuple[str, int]] = list(sender.acts)
        at = self._chance.randrange(len(acts))
        how = self._chance.randrange(4)
        if how == 0 and len(acts) < LONGEST:
            acts.insert(at, self._act())
        elif how == 1 and len(acts) > 1:
            del acts[at]
        elif how == 2:
            acts[at] = self._act()
        else:
            name, _ = acts[at]
            acts[at] = name, self._chance.randint(1, self._acts[name].most)
        return Sender(tuple((name, times) for name, times in acts if name in self._acts))

    def _counted(self, sender: Sender) -> Sender:
        for name in sender.names:
            self._used[self._acts[name].resource] += 1
        return sender


def smaller(sender: Sender) -> Sequence[Sender]:
    """Each with less: an act left out, the last first; then an act done once, or half as often."""
    acts = sender.acts
    found = [Sender(acts[:at] + acts[at + 1 :]) for at in reversed(range(len(acts))) if len(acts) > 1]
    for at, (name, times) in enumerate(acts):
        for fewer in dict.fromkeys((1, times // 2)):
            if 0 < fewer < times:
                found.append(Sender((*acts[:at], (name, fewer), *acts[at + 1 :])))
    return found
