"""docs/moves.md is what tests/data/moves.json says; and what a machine lost or did otherwise is told."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import cli
from pytest_isolation.suite.moves.measure import Measured
from pytest_isolation.suite.moves.plan import HOST, Setup, Source, To, between, within
from pytest_isolation.suite.moves.render import (
    COLUMNS,
    SCHEMA,
    SINCE_BOOT,
    as_json,
    cells_of,
    clocks,
    tables,
    text,
    without_paths,
)
from pytest_isolation.technologies.qemu.marks import Look
from pytest_isolation.technologies.qemu.move import WAYS, Moved
from tests.scripts import script

TOP = Path(__file__).parents[2]
MEASURED = json.loads((TOP / "tests" / "data" / "moves.json").read_text(encoding="utf-8"))


def test_the_page_is_what_was_measured() -> None:
    assert (TOP / "docs" / "moves.md").read_text(encoding="utf-8") == script("document-moves").page(MEASURED)


def test_a_counter_ran_on_from_each_qemu_to_each_other() -> None:
    assert (MEASURED["schema"], MEASURED["interrupted"]) == (SCHEMA, False)
    assert list(MEASURED["qemus"]) == [HOST, "trixie", "sid"]
    assert len(set(MEASURED["qemus"].values())) == 3
    ran = {(row["from"]["qemu"], row["to"]["qemu"], row["way"]) for row in MEASURED["moves"] if row.get("went_on")}
    pairs = set(itertools.permutations(MEASURED["qemus"], 2))
    for way in ("state", "snapshot"):
        assert {pair for pair in pairs if (*pair, way) not in ran} == {("trixie", "sid")}
    rows = [row for row in MEASURED["moves"] if (row["from"]["qemu"], row["to"]["qemu"]) == ("trixie", "sid")]
    assert all("exceeds allocated max" in row["refused"] for row in rows if row["from"]["type"] != "q35")


def test_what_was_left_out_was_missed() -> None:
    """The measurement can see a loss: of a disk, of a state, of the file behind a disk."""
    (empty,) = [row for row in MEASURED["moves"] if row.get("less") == "an empty disk"]
    assert empty["lost"] == ["synced"] and not empty["went_on"]
    for less in ("half of the state", "without the file behind"):
        assert all("refused" in row for row in MEASURED["moves"] if row.get("less") == less)
    for row in MEASURED["moves"]:
        if row["way"] == "stop" and "refused" not in row:
            assert row["lost"] == ["counter", "memory", "cached"]


def test_the_clocks_that_a_boot_begins_began_where_there_was_one() -> None:
    rows = [row for row in MEASURED["moves"] if "refused" not in row]
    assert {(row["names"]["boot-id"], *row["clocks_anew"]) for row in rows} == {("kept",), ("another", *SINCE_BOOT)}


BEFORE = Look(20, {"realtime": 1000.0, "monotonic": 5.0, "boottime": 5.0}, 50.0, {"mac": "a", "boot-id": "b"}, "tsc")
AFTER = replace(BEFORE, counter=21, host=60.0)
SOURCE = Source(Setup(HOST), "qcow2", "state", (To(Setup(HOST)),))


def told(moved: Moved, source: Source = SOURCE, to: To = SOURCE.to[0]) -> Any:
    (row,) = as_json(Measured("6.1", {HOST: "7.2"}, [(source, to, moved)]))["moves"]
    return row


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        ({"realtime": 1010.1, "monotonic": 15.0, "boottime": 15.0}, "all kept time"),
        ({"realtime": 1001.0, "monotonic": 6.0, "boottime": 6.0}, "all stood still"),
        (
            {"realtime": 1010.0, "monotonic": 6.0, "boottime": 11.0},
            "realtime kept time; monotonic stood still; boottime 4.0 s behind after 9.0 s",
        ),
        ({"realtime": 1030.0, "monotonic": 11.0, "boottime": 11.0}, "realtime 20.0 s ahead after 9.0 s; "
         "monotonic, boottime 4.0 s behind after 9.0 s"),
    ],
)  # fmt: skip
def test_clocks_in_words(clock: dict[str, float], said: str) -> None:
    assert clocks(told(Moved(BEFORE, replace(AFTER, clocks=clock), 30, away_s=9.0))) == said


@pytest.mark.parametrize("now", [1.0, 6.0, 11.0])
def test_a_boot_that_took_longer_than_the_first_began_the_clocks_anew(now: float) -> None:
    names = {"mac": "a", "boot-id": "c"}
    after = replace(AFTER, names=names, clocks={"realtime": 1010.0, "monotonic": now, "boottime": now})
    row = told(Moved(BEFORE, after, 30, away_s=9.0))
    assert clocks(row) == "realtime kept time; monotonic, boottime began anew"
    assert row["clocks_anew"] == list(SINCE_BOOT)


def test_going_on_is_more_than_to_answer() -> None:
    assert Moved(BEFORE, AFTER, 22).went_on
    assert not Moved(BEFORE, AFTER, 21).went_on, "the counter stands"
    assert not Moved(BEFORE, replace(AFTER, counter=3), 22).went_on, "the counter began anew"
    assert not Moved(BEFORE, AFTER, 22, lost=["synced"]).went_on
    assert not Moved(BEFORE, refused="no").went_on
    assert not Moved(None, refused="no").went_on


def test_every_outcome_has_its_cells() -> None:
    moved = Moved(BEFORE, replace(AFTER, names={"mac": "c", "boot-id": "b"}), 22, bytes=3 << 20, kept_s=1, seconds=2)
    found = Measured("6.1", {HOST: "7.2", "sid": "11"}, [(SOURCE, SOURCE.to[0], moved)])
    found.moves.append((SOURCE, To(Setup("sid")), Moved(BEFORE, refused="no | such machine")))
    found.moves.append((SOURCE, SOURCE.to[0], replace(moved, lost=["memory"])))
    document = as_json(found)
    assert document["moves"][0]["names"] == {"mac": "another", "boot-id": "kept"}
    whole, refused, lossy = [dict(zip(COLUMNS, cells_of(row, document), strict=True)) for row in document["moves"]]
    assert (whole["goes on"], whole["counter"], whole["MiB"]) == ("yes", "20 → 21 → 22", "3")
    assert refused["MiB"] == "" and "bytes" not in document["moves"][1], "nothing is told of a size that is not known"
    assert refused["goes on"] == "no: no | such machine" and refused["goes on in"] == "QEMU 11, q35, max"
    assert (lossy["goes on"], lossy["lost"]) == ("yes, with a loss", "memory")
    for table in tables(document):
        head, *rows = table.splitlines()
        assert {row.replace("\\|", "").count("|") for row in rows} == {head.count("|")}
    assert "no: no | such machine" in text(document)


def test_paths_of_a_run_are_not_told() -> None:
    assert without_paths("Could not open '/tmp/x-1/y/disk.qcow2': No such file") == (
        "Could not open 'DIRECTORY/disk.qcow2': No such file"
    )
    assert without_paths("a/b and / and /a") == "a/b and / and /a"


def test_the_plan_has_every_way_and_each_pair() -> None:
    own = list(within(HOST, ["pc-q35-7.2", "pc-q35-7.1"]))
    assert {source.way for source in own} == set(WAYS)
    pairs = {(one.setup.qemu, to.setup.qemu) for one in between([HOST, "trixie", "sid"], "pc-q35-7.2") for to in one.to}
    assert len(pairs) == 6
    assert all(source.to for source in own)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--suite", "buster"], "--suite buster: expected one of bookworm, trixie, sid"),
        (["-o", "/nowhere/found.json"], "there is no directory /nowhere; make it first: mkdir -p /nowhere"),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["moves", *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
