"""What a generated submission is drawn with, and what is true of it by construction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Made:
    """A submission as text, and its ground truth."""

    files: Mapping[str, str]
    """Path -> text, CR LF included."""
    executable: frozenset[str]
    """Paths with the x bit."""
    ignored: frozenset[str]
    """Paths that are in the directory and that git must not track: what .gitignore says does it."""
    says: Mapping[str, str]
    """Rule -> the verdict that its breach deserves."""
    may: Mapping[str, frozenset[str]]
    """Rule -> verdicts that are right as well: a point where evaluators differ, or a further effect of a breach."""
    drawn: tuple[str, ...]
    """What was drawn wrong, and the styles, for whoever reads a failure."""
    asked: Mapping[str, Any]


@dataclass
class Choices:
    """Draws. `broken` are the rules to be broken, if the styles drawn give an opportunity."""

    choose: Callable[[Sequence[Any]], Any]
    """One of a sequence: by Hypothesis, which shrinks what fails, or by a `random.Random`, which is even."""
    broken: frozenset[str] = frozenset()
    says: dict[str, str] = field(default_factory=dict)
    may: dict[str, set[str]] = field(default_factory=dict)
    drawn: list[str] = field(default_factory=list)

    def pick(self, *of: Any) -> Any:
        return self.choose(of)

    def style(self, name: str, *of: Any) -> Any:
        """A choice that a reader of a failure wants to know."""
        got = self.pick(*of)
        self.drawn.append(f"{name}={got}")
        return got

    def maybe(self) -> bool:
        return bool(self.choose((False, True)))

    def breaks(self, rule: str, verdict: str = "fail") -> bool:
        """Whether this place is to break the rule; whoever asks then does it."""
        if rule not in self.broken:
            return False
        self.says[rule] = verdict
        return True

    def one(self, rule: str, right: Sequence[Any], wrong: Sequence[Any], verdict: str = "fail") -> Any:
        """A way to keep the rule, look-alikes of a breach among them; or a way to break it."""
        if not self.breaks(rule, verdict):
            return self.pick(*right)
        got = self.pick(*wrong)
        self.drawn.append(f"{rule} broken: {got!r}")
        return got

    def allow(self, verdict: str, *rules: str) -> None:
        for rule in rules:
            self.may.setdefault(rule, set()).add(verdict)
