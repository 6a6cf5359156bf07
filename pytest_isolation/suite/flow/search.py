"""One search: senders of one side against all receivers of another, until the time is over."""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TypeAlias

from pytest_isolation.suite.flow import capacity, differ
from pytest_isolation.suite.flow.baseline import Baseline, Kind, Where, values
from pytest_isolation.suite.flow.capacity import Capacity
from pytest_isolation.suite.flow.differ import Proof, Rule
from pytest_isolation.suite.flow.grammar import Grammar, Sender
from pytest_isolation.suite.flow.probes import Probe
from pytest_isolation.suite.flow.run import Actor, Watcher
from pytest_isolation.suite.flow.shrink import shrunk
from pytest_isolation.suite.flow.statistics import ALPHA, least_hits

IDLE = 12
"""Looks before the first sender, while nobody acts; then one for every EVERY senders."""
EVERY = 6
FIRST, LAST = 64, 512
"""Blocks on fresh boxes; more for what told most of the first right, and not enough."""
LONGEST_S = 15.0
"""Seconds that more blocks of one sender may take."""
PROMISING = 0.6
FAR = 8.0
"""How far is far enough to be looked into early: then a small sender is as good."""
SHRINKS = 16
"""Smaller senders that are tried for one."""
ODD = 3
"""Values of one answer that are looked into."""
TRIED = 3
"""How often one receiver is looked into with the same acts, when nothing came of it."""

Between: TypeAlias = "Callable[[bool, Sequence[Probe] | None], AbstractContextManager[tuple[Actor, Watcher]]]"
"""An actor and a watcher in fresh boxes: whether the receiver's box is started first, and its receivers (None: all)."""


@dataclass(frozen=True, slots=True)
class Lead:
    """What moved in the boxes of the search: not proven yet."""

    sender: Sender
    probe: Probe
    rule: Rule
    kind: Kind
    at: float
    """Seconds from the beginning of the search."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A lead that was moved again in fresh boxes."""

    lead: Lead
    proof: Proof
    capacity: Capacity | None
    seconds: float
    """From the beginning of the search."""
    before: bytes = b""
    after: bytes = b""


@dataclass(slots=True)
class Search:
    """Filled as soon as something is known."""

    senders: int = 0
    pairs: int = 0
    receivers: int = 0
    acts: tuple[str, ...] = ()
    looking: float = 0.0
    """Seconds of trying pairs: not of starting boxes, proving, sending bits."""
    leads: list[Lead] = field(default_factory=list)
    confirmed: list[Confirmed] = field(default_factory=list)
    dropped: int = 0
    """Leads that fresh boxes did not show."""
    cut_short: bool = False
    names: tuple[str, ...] = ()
    """Of the receivers."""

    @property
    def rate(self) -> float:
        """Pairs a second, of looking."""
        return self.pairs / self.looking if self.looking else 0.0


class Looker:
    """Looks for leads between an actor and a watcher, for a while at a time."""

    def __init__(
        self,
        actor: Actor,
        watcher: Watcher,
        chance: random.Random,
        search: Search,
        *,
        kept: Iterable[Sender] = (),
        passed_over: Collection[str] = (),
        pretending: bool = False,
    ) -> None:
        """`kept`: senders that are tried first.  `passed_over`: receivers that are not looked into.

        `pretending`: no sender acts, so that whatever is found is a false alarm.
        """
        self._actor, self._watcher, self._chance, self._search = actor, watcher, chance, search
        self._pretending, self._passed_over = pretending, frozenset(passed_over)
        self._grammar, self._baseline = Grammar(actor.acts, chance), Baseline()
        self._senders = self._all_senders(kept)
        self._tried: dict[tuple[str, str], int] = {}
        self._vain: Counter[str] = Counter()
        """Receiver -> how often nothing came of looking into it: on a busy machine some are always odd."""
        self._signatures: set[tuple[str, Where]] = set()
        self._waiting: list[tuple[tuple[float, ...], int, Sender, dict[int, list[Where]]]] = []
        """What was odd, and is to be looked into: what was tried in vain least comes first, then what went far."""
        self._count = itertools.count()
        self._into = self._trying = 0.0
        """Seconds of looking into what was odd, and of all."""
        self._began = time.monotonic()
        search.receivers, search.acts = len(watcher.probes), tuple(actor.acts)
        search.names = tuple(probe.name for probe in watcher.probes)
        self._now = watcher.look()
        for _ in range(IDLE):
            self._idle(Sender(()))

    def look(self, until: float, enough: Callable[[Lead], bool] = lambda lead: False) -> None:
        """Until then (time.monotonic()), or until a lead is enough: senders and what they moved take turns."""
        began = time.monotonic()
        try:
            while (now := time.monotonic()) < until:
                if self._waiting and self._into <= (self._trying + now - began) / 2:
                    leads = self._looked_into(*heapq.heappop(self._waiting)[2:])
                    self._into += time.monotonic() - now
                    self._search.leads += leads
                    if any(map(enough, leads)):
                        return
                else:
                    self._try(next(self._senders))
        finally:
            self._trying += time.monotonic() - began
            self._search.looking = self._trying

    def look_again(self, leads: Iterable[Lead]) -> None:
        """What fresh boxes did not show may be looked into once more: they may have been busy."""
        for lead in leads:
            for name in lead.sender.names:
                self._tried.pop((lead.probe.name, name), None)

    def _try(self, sender: Sender) -> None:
        """All receivers, before and after one sender."""
        search = self._search
        if search.senders % EVERY == 0:
            self._idle(sender)
        self._do(sender)
        then = self._watcher.look()
        self._actor.undo()
        search.senders += 1
        search.pairs += len(self._watcher.probes)
        odd, best = {}, (float("inf"), 0.0)
        for steady, far, number, places in self._odd(then):
            name = self._watcher.probes[number].name
            new = {(name, where) for where in places} - self._signatures
            if new:
                self._signatures |= new
                self._grammar.keep(sender)
            if self._left(sender, number):
                odd[number] = places
                best = min(best, (self._vain[name] + (not steady), -min(far, FAR)))
        if odd:
            heapq.heappush(self._waiting, ((*best, sender.size), next(self._count), sender, odd))
        self._now = self._watcher.look()

    def _left(self, sender: Sender, number: int) -> bool:
        """Whether this receiver was not looked into with these acts, time and again."""
        name = self._watcher.probes[number].name
        return any(self._tried.get((name, one), 0) < TRIED for one in sender.names)

    def _do(self, sender: Sender) -> None:
        if self._pretending:
            self._actor.pretend(sender)
        else:
            self._actor.act(sender)

    def _all_senders(self, kept: Iterable[Sender]) -> Iterator[Sender]:
        yield from (sender for sender in kept if sender.names <= self._actor.acts.keys())
        yield from self._grammar.first()
        while True:
            yield self._grammar.draw()

    def _idle(self, like: Sender) -> None:
        """Two looks with nothing between them but a sender that pretends."""
        before, number = self._now, len(self._watcher.probes)
        self._actor.pretend(like)
        self._now = self._watcher.look()
        now = time.monotonic()
        for at in range(number):
            if before[at] != self._now[at]:
                self._baseline.learn(at, before[at], self._now[at], now)

    def _odd(self, after: Sequence[bytes]) -> list[tuple[bool, float, int, list[Where]]]:
        """Receivers that read what they never read by themselves: as Baseline.odd, the receiver, and the values."""
        found = []
        for number, (one, two) in enumerate(zip(self._now, after, strict=True)):
            if (
                one != two
                and self._watcher.probes[number].name not in self._passed_over
                and (odd := self._baseline.odd(number, one, two))
            ):
                found.append((*odd[0][:2], number, [where for _, _, where in odd[:ODD]]))
        return found

    def _looked_into(self, sender: Sender, odd: Mapping[int, Sequence[Where]]) -> list[Lead]:
        """Leads, where there are some; not again and again for the same receiver and acts."""
        odd = {number: places for number, places in odd.items() if self._left(sender, number)}
        for number in odd:
            for name in sender.names:
                key = self._watcher.probes[number].name, name
                self._tried[key] = self._tried.get(key, 0) + 1
        rules = self._rules(sender, odd)
        for number in odd.keys() - rules.keys():
            self._vain[self._watcher.probes[number].name] += 1
        leads: list[Lead] = []
        while rules:
            leads += self._small(sender, odd, rules)
        return leads

    def _small(self, sender: Sender, odd: Mapping[int, Sequence[Where]], rules: dict[int, Rule]) -> list[Lead]:
        """The smallest sender that moves the first of `rules`, and what else it moves; those are taken out of them."""
        first = next(iter(rules))
        small = shrunk(sender, lambda one: bool(self._rules(one, {first: odd[first]})), most=SHRINKS)
        # What the last and smallest sender moves is asked once more: it was chosen, and may have been luck.
        again = self._rules(small, {number: odd[number] for number in rules}) if small != sender else dict(rules)
        if first not in again:
            small, again = sender, {first: rules[first]}
        found = []
        for number, rule in again.items():
            del rules[number]
            probe = self._watcher.probes[number]
            self._tried |= {(probe.name, name): TRIED for name in small.names}
            kind = self._baseline.kind(number, rule.where)
            found.append(Lead(small, probe, rule, kind, time.monotonic() - self._began))
        return found

    def _rules(self, sender: Sender, odd: Mapping[int, Sequence[Where]]) -> dict[int, Rule]:
        """Receiver -> what tells when the sender acts; a few blocks are enough to see that nothing does."""
        few = self._blocks(sender, list(odd), differ.GLANCE)
        left = [number for number, seen in few.items() if differ.taught(seen, odd[number]) is not None]
        more = self._blocks(sender, left, differ.TRAINING - differ.GLANCE)
        rules = {number: differ.taught(few[number] + more[number], odd[number]) for number in left}
        return {number: rule for number, rule in rules.items() if rule is not None}

    def _blocks(self, sender: Sender, numbers: Sequence[int], many: int) -> dict[int, list[differ.Block]]:
        return differ.blocks(
            self._actor, self._watcher, sender, numbers, many, self._chance, pretending=self._pretending
        )


def confirm(
    between: Between,
    leads: Sequence[Lead],
    pairs: int,
    chance: random.Random,
    began: float,
    into: Search,
    *,
    pretending: bool = False,
) -> None:
    """Each lead in two sets of fresh boxes, of which one starts the receiver's first."""
    if not leads:
        return
    found = _Proofs(leads, pairs, chance, pretending)
    for receiver_first in (False, True):
        with between(receiver_first, list({lead.probe.name: lead.probe for lead in leads}.values())) as (
            actor,
            watcher,
        ):
            found.add(actor, watcher)
            if receiver_first:
                found.finish(actor, watcher)
    for index, lead in enumerate(leads):
        proof = found.proofs.get(index)
        if proof is not None and _counts(proof, pairs):
            before, after = found.shown[index]
            now = time.monotonic() - began
            into.confirmed.append(Confirmed(lead, proof, found.capacities.get(index), now, before, after))
        else:
            into.dropped += 1


class _Proofs:
    """Of leads: blocks in fresh boxes; those of one sender are made together."""

    def __init__(self, leads: Sequence[Lead], pairs: int, chance: random.Random, pretending: bool) -> None:
        self._leads, self._pairs, self._chance, self._pretending = leads, pairs, chance, pretending
        self.proofs: dict[int, Proof] = {}
        """Lead, by its index, -> its blocks."""
        self.shown: dict[int, tuple[bytes, bytes]] = {}
        self.capacities: dict[int, Capacity] = {}

    def add(self, actor: Actor, watcher: Watcher) -> None:
        """Half of the first blocks."""
        for sender, these in self._by_sender(actor, watcher).items():
            seen = self._blocks(actor, watcher, sender, these, FIRST // 2)
            for index, number in these.items():
                lead = self._leads[index]
                self.proofs[index] = self.proofs.get(index, Proof(0, 0)) + differ.proof(seen[number], lead.rule)
                self.shown[index] = _shown(seen[number], lead.rule)

    def finish(self, actor: Actor, watcher: Watcher) -> None:
        """More blocks, which count alone, for what told most of the first right and not enough; bits for the rest."""
        for sender, these in self._by_sender(actor, watcher).items():
            if 2 * LAST * 1.5 * differ.paces(actor, sender) > LONGEST_S:
                wanting = {}
            else:
                wanting = {index: number for index, number in these.items() if self._promises(index)}
            seen = self._blocks(actor, watcher, sender, wanting, LAST)
            for index, number in wanting.items():
                self.proofs[index] = differ.proof(seen[number], self._leads[index].rule)
            for index, number in these.items():
                if _counts(self.proofs[index], self._pairs) and not self._pretending:
                    rule = self._leads[index].rule
                    self.capacities[index] = capacity.measured(actor, watcher, sender, number, rule, self._chance)

    def _promises(self, index: int) -> bool:
        first = self.proofs[index]
        if _counts(first, self._pairs) or first.hits < PROMISING * first.blocks:
            return False
        return least_hits(LAST, self._pairs, 2) is not None

    def _by_sender(self, actor: Actor, watcher: Watcher) -> dict[Sender, dict[int, int]]:
        """Sender -> index of a lead -> number of its receiver; what these boxes cannot do, or be asked, is left out."""
        numbers = {probe.name: number for number, probe in enumerate(watcher.probes)}
        found: dict[Sender, dict[int, int]] = {}
        for index, lead in enumerate(self._leads):
            if lead.probe.name in numbers and lead.sender.names <= actor.acts.keys():
                found.setdefault(lead.sender, {})[index] = numbers[lead.probe.name]
        return found

    def _blocks(
        self, actor: Actor, watcher: Watcher, sender: Sender, these: Mapping[int, int], many: int
    ) -> dict[int, list[differ.Block]]:
        numbers = list(dict.fromkeys(these.values()))
        return differ.blocks(actor, watcher, sender, numbers, many, self._chance, pretending=self._pretending)


def _counts(proof: Proof, pairs: int) -> bool:
    """With a second look at what was promising, each pair is looked at twice."""
    return proof.chance * max(pairs, 1) * 2 < ALPHA


def _shown(seen: Sequence[differ.Block], rule: Rule) -> tuple[bytes, bytes]:
    """The value before and after a sender that acted, as text."""
    block = next((one for one in seen if one.told(rule)), seen[0])
    one, two = (values(data).get(rule.where) for data in (block.acted.before, block.acted.after))
    return _text(one), _text(two)


def _text(value: object) -> bytes:
    return b"" if value is None else value[:64] if isinstance(value, bytes) else str(value).encode()


def smallest(found: Sequence[Confirmed]) -> list[Confirmed]:
    """One for each value and each set of acts: the smallest sender."""
    kept: dict[tuple[str, frozenset[str]], Confirmed] = {}
    for one in sorted(found, key=lambda one: one.lead.sender.size):
        kept.setdefault((one.lead.probe.name, one.lead.sender.names), one)
    return list(kept.values())
