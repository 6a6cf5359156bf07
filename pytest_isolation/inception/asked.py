"""What changes a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """What an audit is told beside the submission: the options of `pytest-isolation audit`, read."""

    day: date
    """On which the submission is judged: decides the penultimate stable release."""
    by_commit: bool = False
    """The day is that of the last commit that changed a Dockerfile or compose file; `day` where there is none."""
    subject: str | None = None
    """A version of the subject; None: by the day, and by the documents that are there."""
    login: str | None = None
    """None: from the volumes' place."""
    domain: str = "{login}.42.fr"
    strict: bool = False
    """Where evaluators differ, the hardest one decides."""
