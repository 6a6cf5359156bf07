"""Generated submissions, audited: wrong verdicts, missed breaches, and how many were right."""

from __future__ import annotations

import random
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.audit import audit
from tests.inception.generated.choices import Made
from tests.inception.generated.submission import submission
from tests.inception.support import DAY, GIT, RANK

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Many small files, each for a tenth of a second."""


@dataclass(frozen=True)
class Fault:
    kind: str
    drawn: str
    found: str


@dataclass(frozen=True)
class Tally:
    submissions: int = 0
    breaches: int = 0
    told: int = 0
    wrong: int = 0
    verdicts: int = 0
    lacking: int = 0
    unclear: int = 0
    faults: tuple[Fault, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def figures(self) -> str:
        precision = self.told / (self.told + self.wrong) if self.told + self.wrong else 1.0
        recall = self.told / self.breaches if self.breaches else 1.0
        return (
            f"{self.submissions} submissions, {self.breaches} breaches: precision {precision:.4f}, "
            f"recall {recall:.4f}; of "
            f"{self.verdicts} verdicts {self.unclear} unclear without reason, {self.lacking} with one;"
        )


def write(made: Made, top: Path) -> None:
    for name, text in made.files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
        path.chmod(0o755 if name in made.executable else 0o644)
    for words in (("init", "-q"), ("add", "-A")):
        subprocess.run([*GIT, *words], cwd=top, check=True, capture_output=True)


def compared(made: Made, top: Path, day: date = DAY) -> Tally:
    """One submission. The verdicts that evaluators may differ in are left out of the count."""
    write(made, top)
    rows = audit(top, AuditOptions(**{"day": day, **made.asked}))
    worst: dict[str, str] = {}
    texts: dict[str, str] = {}
    for row in rows:
        worst.setdefault(row.rule, "not-applicable")
        if RANK.index(row.verdict) < RANK.index(worst[row.rule]):
            worst[row.rule] = row.verdict
            texts[row.rule] = f"{row.where} {row.found}"
    faults = []
    told = wrong = unclear = lacking = 0
    for rule, verdict in worst.items():
        true = made.says.get(rule)
        if true is not None:
            told += verdict == true
            kind = "" if verdict == true else f"missed {rule}: {verdict}"
        elif verdict in made.may.get(rule, ()) or verdict in ("pass", "not-applicable"):
            kind = ""
            lacking += verdict == "unclear"
        else:
            kind = f"wrong {rule}: {verdict}"
            wrong += verdict == "fail"
            unclear += verdict == "unclear"
        if kind:
            faults.append(Fault(kind, " ".join(made.drawn), texts.get(rule, "")))
    return Tally(1, len(made.says), told, wrong, len(worst), lacking, unclear, tuple(faults))


def judged(number: int, by: str) -> Tally:
    """`number` submissions drawn by the seed `by`."""
    numbers = random.Random(by)
    total = Tally()
    for _ in range(number):
        with tempfile.TemporaryDirectory(prefix="submission-", dir=MEMORY) as place:
            total += compared(submission(numbers.choice), Path(place))
    return total
