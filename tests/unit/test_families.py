"""A family: a guarantee for each entry of a table, and one line of the matrix as long as they agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Guarantee, UsageError, family, severity, weaken
from pytest_isolation.guarantees.family import Family, checks_of, family_of, guarantees_of
from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.report import markdown, terminal
from pytest_isolation.report.families import common, lines, name
from pytest_isolation.report.run import GuaranteeRow, Run
from pytest_isolation.suite.rows import guarantee_row
from tests.unit.test_report import RUN, VALIDATOR


@dataclass(frozen=True)
class Capability:
    slug: str
    name: str


CAPABILITIES = tuple(Capability(one.lower().replace("_", "-"), one) for one in ("CHOWN", "NET_RAW", "SYS_ADMIN"))


def made(**changed: Any) -> Family:
    given: dict[str, Any] = {
        "over": CAPABILITIES,
        "claim": "no process of the box has CAP_{entry.name}",
        "sources": ("man:capabilities(7) CAP_{entry.name}",),
        "severity": lambda entry: severity.surface(f"has CAP_{entry.name}"),
        "falsified_by": lambda entry: weaken.grant(entry.name),
    }
    return family(changed.pop("id", "cap.{entry.slug}-dropped"), **given | changed)


def test_each_entry_makes_a_guarantee() -> None:
    found = made(kind=lambda entry: "per-box" if entry.slug == "chown" else "per-call", distinct="of {entry.name}")
    assert found.name == "cap.*-dropped"
    first, second, _ = found.members
    assert [one.id for one in found.members] == ["cap.chown-dropped", "cap.net-raw-dropped", "cap.sys-admin-dropped"]
    assert first.claim == "no process of the box has CAP_CHOWN"
    assert first.sources == ("man:capabilities(7) CAP_CHOWN",)
    assert first.falsified_by == {weaken.grant("CHOWN")} != second.falsified_by
    assert first.consequence == severity.surface("has CAP_CHOWN")
    assert (first.kind, second.kind) == ("per-box", "per-call")
    assert (first.distinct, first.entry, first.family) == ("of CHOWN", CAPABILITIES[0], found.name)
    assert first.file == __file__
    assert first.notes is not second.notes


def test_a_table_of_words() -> None:
    changed = {"severity": severity.use("takes more"), "falsified_by": weaken.drop("masks"), "sources": ("s",)}
    found = made(id="limit.{entry}-held", over=["core", "nofile"], claim="{entry}", **changed)
    assert [one.id for one in found.members] == ["limit.core-held", "limit.nofile-held"]
    assert [one.claim for one in found.members] == ["core", "nofile"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "cap.dropped"}, "expected a field of the entry in it"),
        ({"id": "cap.{entry.slugg}-dropped"}, "'cap.{entry.slugg}-dropped' cannot be filled in from Capability("),
        ({"claim": "{0}"}, "expected fields of the entry"),
        ({"id": "cap.{entry.name}-dropped"}, "expected domain.slug"),
        ({"over": ()}, "family cap.*-dropped has no member"),
        ({"over": CAPABILITIES[:1] * 2}, "both give the id cap.chown-dropped"),
        ({"falsified_by": lambda entry: entry.slug}, "guarantee cap.chown-dropped: falsified_by has 'chown'"),
        ({"kind": "per-day"}, "guarantee cap.chown-dropped has kind 'per-day'"),
        ({"severity": None}, "guarantee cap.chown-dropped has no severity"),
        ({"sources": "man:x(1)"}, "sources is the text"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else next(iter(value)),
)
def test_what_cannot_be_a_family(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as told:
        made(**changed)
    assert said in str(told.value)
    assert str(told.value).startswith("test_families.py: ")


def test_a_check_is_told_whose_promise_it_is_to_keep() -> None:
    with pytest.raises(UsageError, match="takes no `promise`"):
        made()(lambda box: None)


def test_the_check_of_a_member_has_its_entry() -> None:
    dropped = made()

    @dropped
    @given(number=st.integers())
    def test_both(box: Any, promise: Guarantee, entry: Capability, number: int) -> None: ...

    @dropped
    def test_promise(box: Any, promise: Guarantee) -> None: ...

    for test, names in ((test_both, {"promise", "entry"}), (test_promise, {"promise"})):
        assert family_of(test) is dropped
        assert guarantees_of(test) == dropped.members
        checks = checks_of(test)
        assert [promise for promise, _ in checks] == list(dropped.members)
        assert all(set(check.arguments) == names for _, check in checks)
        assert all(check.arguments["promise"] is promise for promise, check in checks)
    assert checks_of(CAPABILITIES) == ()


# -- the report ----------------------------------------------------------------------------


def reported(broken: Callable[[str], bool] = lambda id: False) -> Run:
    """The golden run's docker column with a family in place of its guarantees; `broken`: which of them are violated."""
    rows = [guarantee_row(one) for one in made().members]
    held = next(row for row in RUN.results if row.verdict is Verdict.HOLDS and row.box == "docker")
    bad = next(row for row in RUN.results if row.verdict is Verdict.VIOLATED and row.box == "docker")
    results = tuple(replace(bad if broken(one.id) else held, guarantee=one.id) for one in rows)
    return replace(RUN, guarantees=tuple(rows), results=results)


def test_a_family_is_one_line() -> None:
    said = terminal.render(reported(), width=100, color=False, verbose=True)
    assert "  *-dropped (3)   holds\n" in said
    assert "sys-admin-dropped" not in said
    assert "hold, of 3            3\n" in said
    page = markdown.render(reported())
    assert "| `cap.*-dropped (3)` | no process of the box has ...: chown, net-raw, sys-admin | holds |" in page


def test_it_opens_where_its_members_differ() -> None:
    run = reported(lambda id: id == "cap.net-raw-dropped")
    said = terminal.render(run, width=100, color=False, verbose=True)
    table = said[said.index("guarantee ") :].splitlines()
    assert table[2].startswith("  *-dropped (2 of 3)") and table[2].endswith("holds")
    assert table[3].startswith("    net-raw-dropped ") and table[3].endswith("VIOLATED")
    page = markdown.render(run)
    assert "| `cap.*-dropped (2 of 3)` | no process of the box has ...: chown, sys-admin | holds |" in page
    assert "| `cap.net-raw-dropped` | no process of the box has CAP_NET_RAW | VIOLATED |" in page


def test_where_all_differ_there_is_no_line_for_the_family() -> None:
    rows = [guarantee_row(one) for one in made().members]
    assert [(one.id, one.open) for one in lines(rows, lambda row: row.id)] == [(row.id, False) for row in rows]


def test_the_report_has_each_member() -> None:
    document = reported().to_json()
    VALIDATOR.validate(document)
    assert [one["family"] for one in document["guarantees"]] == ["cap.*-dropped"] * 3
    assert Run.from_json(document).guarantees == reported().guarantees


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a b c", "a x c"], "a ... c"),
        (["a b", "a b"], "a b"),
        (["a b", "a b c"], "a b ..."),
        (["x of it", "y z of it"], "... of it"),
        (["a", "b"], "..."),
        (["a a", "a a a"], "a a ..."),
    ],
)
def test_what_claims_have_in_common(texts: list[str], expected: str) -> None:
    assert common(texts) == expected


@pytest.mark.parametrize(
    ("family", "id", "expected"),
    [("cap.*-dropped", "cap.chown-dropped", "chown"), ("sys.*.*", "sys.a.b", "sys.a.b"), ("sys.*", "sys.a", "a")],
)
def test_the_name_of_a_member(family: str, id: str, expected: str) -> None:
    row = GuaranteeRow(id=id, domain="x", claim="c", sources=("s",), falsified_by=("h",), family=family)
    assert name(row) == expected
