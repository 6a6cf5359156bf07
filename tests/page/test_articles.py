"""What the page tells of each guarantee: of every box what its row has, each text once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.report import cells, html
from pytest_isolation.report.articles import Article, Writer, is_fine, program_of
from pytest_isolation.report.cells import sign_of
from pytest_isolation.report.doors import doors_of, places
from pytest_isolation.report.run import ResultRow, Run
from pytest_isolation.report.why import lines as reasons
from tests.page.heavy import heavy
from tests.unit.test_report import RUN, many_boxes

OF = "net.vsock-not-namespaced"


def articles(run: Run) -> tuple[Writer, list[Article]]:
    shown = cells.matrix(run)
    writer = html.writer(run, shown, html.CALLS[0])
    return writer, [writer.article(row) for _, rows in shown.domains for row in rows]


def told(article: Article, label: str, asked: set[str]) -> dict[str, str]:
    """Place -> what the article says of it, as a reader makes it out; `asked`: those that it could be said of."""
    said: list[tuple[str, str]] = []
    for text in dict(article.facts).get(label, ()):
        for where, at in text.cited or ((text.where, 0),):
            said.append((where, f"{text.text} [{at}]" if text.cited else text.text))
    named = {name: text for where, text in said for name in where.split(", ") if where not in ("", "the others")}
    rest = [text for where, text in said if where in ("", "the others")]
    assert len(rest) <= 1, (article.row.id, label, rest)
    return {name: rest[0] for name in asked - set(named) if rest} | named


def held(run: Run, id: str) -> dict[str, ResultRow]:
    rows = [row for row in run.results if row.guarantee == id and row.sibling is None]
    return {place: found[0] for place, found in places(rows, doors_of(run)).items()}


def expected(run: Run, writer: Writer, row: ResultRow, claim: str) -> Mapping[str, str | None]:
    """What a row says, by label."""
    why = dict(reasons(run, row)) if row.verdict is Verdict.VIOLATED else {"do": row.remedy} if row.remedy else {}
    decided = row.verdict is not Verdict.UNSUPPORTED
    own = row.control_box in (row.box, next(one.technology for one in run.boxes if one.name == row.box))
    on = "its own technology" if own and len(writer.shown.columns) > 1 else row.control_box
    control = "none on this machine" if row.control == "none" else f"{row.control} on {on}" if on else f"{row.control}"
    implied = row.required_by is None or (row.claim == "promised" and row.required_by == "claim")
    words = f"{row.claim}" if implied else f"{row.claim}, required by {row.required_by}"
    return {
        "why": row.reason if row.reason != f"{claim}: broken" else None,
        "cause": why.get("cause"),
        "usual cause": why.get("usual cause"),
        "do": why.get("do"),
        "control": control if decided else None,
        "decided by": f"{row.oracle}, {row.examples} examples, {row.coverage}" if decided else None,
        "claim": f"{words} [{writer.sources.get(row.claim_source or '', 0)}]",
        "seen": row.remark,
    }


RUNS = {
    "one box": many_boxes(1),
    "a box each": RUN,
    "many alike": many_boxes(9),
    "both doors": replace(RUN, results=(*RUN.results, *(replace(row, door=Door.EXEC) for row in RUN.results))),
}


@pytest.mark.parametrize("name", [*RUNS, "sixteen boxes"])
def test_each_box_is_told_what_its_row_has(name: str) -> None:
    run = RUNS[name] if name in RUNS else heavy()
    writer, found = articles(run)
    assert len(found) == len({row.guarantee for row in run.results})
    for article in found:
        rows = held(run, article.row.id)
        facts = {place: expected(run, writer, row, article.row.claim) for place, row in rows.items()}
        for label in next(iter(facts.values())):
            wanted = {place: said[label] for place, said in facts.items() if said[label] is not None}
            assert told(article, label, set(wanted)) == wanted, (article.row.id, label)


@pytest.mark.parametrize("name", [*RUNS, "sixteen boxes"])
def test_each_violation_is_told_with_its_own_calls(name: str) -> None:
    run = RUNS[name] if name in RUNS else heavy()
    for article in articles(run)[1]:
        rows = {place: row for place, row in held(run, article.row.id).items() if not is_fine((sign_of(row),))}
        shown: dict[str, tuple[object, ...]] = {}
        for seen in article.seen:
            proving = tuple(call for proves, call in seen.program if proves)
            shown |= {place.name: (seen.word, proving, dict(seen.witnessed)) for place in seen.places}
            for other in seen.alike:
                facts = dict(seen.witnessed) | dict(other.witnessed)
                shown |= {place.name: (seen.word, other.calls or proving, facts) for place in other.places}
        assert list(shown) != [] or not rows
        assert set(shown) == set(rows), article.row.id
        for place, row in rows.items():
            program, _ = program_of(row.evidence[:1], html.CALLS[0])
            word, proving, facts = shown[place]
            assert (word, proving) == (sign_of(row).word, tuple(call for proves, call in program if proves))
            for evidence in row.evidence[:1]:
                assert ("witness" in facts, "with" in facts) == (  # type: ignore[operator]
                    bool(evidence.observed), any(value != "data(...)" for value in evidence.example.values())
                )  # fmt: skip


def test_calls_that_differ_in_numbers_alone_are_told_once() -> None:
    run = many_boxes(4)
    first, *others = (row for row in run.results if row.guarantee == OF)
    numbers = replace(first.evidence[0], calls=("socket(AF_VSOCK, SOCK_STREAM, 0) = 7",), proof=(0,))
    other = replace(first.evidence[0], calls=("getpid() = 7", "kill(7, SIGUSR1) = 0"), proof=(1,))
    failed = replace(first.evidence[0], calls=("socket(AF_VSOCK, SOCK_STREAM, 0) = -1 EPERM",), proof=(0,))
    told_of = [replace(first, evidence=(replace(numbers, calls=("socket(AF_VSOCK, SOCK_STREAM, 0) = 3",)),))]
    told_of += [replace(row, evidence=(one,)) for row, one in zip(others, (numbers, other, failed), strict=True)]
    run = replace(run, results=(*(row for row in run.results if row.guarantee != OF), *told_of))
    article = next(one for one in articles(run)[1] if one.row.id == OF)
    names = [[place.name for place in one.places] for one in article.seen]
    assert names == [[told_of[0].box], [told_of[2].box], [told_of[3].box]]
    (alike,) = article.seen[0].alike
    assert [place.name for place in alike.places] == [told_of[1].box] and alike.calls == numbers.calls
    assert alike.witnessed == (), "the rest is as with the first"
