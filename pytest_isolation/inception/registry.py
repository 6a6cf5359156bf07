"""The rules: one small function each, in the order of the sheet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from pytest_isolation.inception.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_isolation.inception.finding import Finding
    from pytest_isolation.inception.model import Submission

    Check = Callable[[Submission], Iterator[Finding]]

Needs = Literal["", "compose", "makefile", "nginx", "wordpress", "mariadb"]

MODULES = (
    "t_tree", "p_credentials", "p_elsewhere", "s_structure", "c_compose", "m_make", "d_images", "d_foreground",
    "r_documents", "n_nginx", "w_wordpress", "w_database", "g_exec", "g_start", "g_bootstrap",
    "g_names", "g_ready", "e_defence", "b_bonus", "x_extras",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: what it asks, how severe a breach is, and the function that decides."""

    id: str
    severity: Severity
    asks: str
    """What has to be true, in one sentence; it is the `why` of a finding as well."""
    look: str
    """How an evaluator would see it."""
    since: str
    """The first version of the subject that has it."""
    needs: Needs
    """What must have been read; without it the rule is unclear."""
    check: Check


RULES: dict[str, Rule] = {}


def rule(
    id: str, severity: Severity, *, asks: str, look: str, since: str = "1.1", needs: Needs = ""
) -> Callable[[Check], Check]:
    """Registers a check: it yields findings; none is a pass."""

    def register(check: Check) -> Check:
        assert id not in RULES, id
        RULES[id] = Rule(id=id, severity=severity, asks=asks, look=look, since=since, needs=needs, check=check)
        return check

    return register


@cache
def every_rule() -> tuple[Rule, ...]:
    """All rules, in the order of the sheet's chapters."""
    for name in MODULES:
        import_module(f"pytest_isolation.inception.rules.{name}")
    letters = [name[0].upper() for name in MODULES]  # modules import each other: not in the order of the sheet
    return tuple(sorted(RULES.values(), key=lambda one: (letters.index(one.id[0]), one.id)))
