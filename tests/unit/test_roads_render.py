"""docs/roads.md is what tests/data/roads.json says; and each aspect that is lost on a road is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import cli
from pytest_isolation.boxes.image import FileView, TreeView
from pytest_isolation.boxes.roads import ASPECTS, Arrival, losses
from pytest_isolation.boxes.unpack import expected
from pytest_isolation.outside.transfer.carried import TREE
from pytest_isolation.suite.roads.measure import Travelled, drawn, engines, together
from pytest_isolation.suite.roads.render import SCHEMA, as_json, table, text
from tests.scripts import script

TOP = Path(__file__).parents[2]
MEASURED = json.loads((TOP / "tests" / "data" / "roads.json").read_text(encoding="utf-8"))


def test_the_page_is_what_was_measured() -> None:
    assert (TOP / "docs" / "roads.md").read_text(encoding="utf-8") == script("document-roads").page(MEASURED)


def test_every_engine_and_aspect_was_measured() -> None:
    assert (MEASURED["schema"], MEASURED["interrupted"]) == (SCHEMA, False)
    assert MEASURED["engines"].keys() == engines().keys()
    for one in MEASURED["engines"].values():
        for road in one["roads"].values():
            assert [aspect for aspect in ASPECTS if aspect in road["aspects"]] == list(road["aspects"])
            assert set(ASPECTS) - road["aspects"].keys() <= {"identity"}


FILE = FileView(
    kind="file",
    mode=0o4755,
    uid=1,
    gid=2,
    mtime_ns=3,
    contents=b"x",
    xattrs=(("security.capability", b"c"), ("user.a", b"b")),
    group=b"f",
    sparse=True,
)
SENT: TreeView = {b"f": FILE, b"g": FILE, b"l": FileView(kind="symlink", mode=0o777, uid=0, gid=0, mtime_ns=0)}


@pytest.mark.parametrize(
    ("aspect", "changes"),
    [
        ("contents", {"contents": b"y"}),
        ("links", {"group": b""}),
        ("modes", {"mode": 0o755}),
        ("owners", {"gid": 0}),
        ("times", {"mtime_ns": 0}),
        ("xattrs", {"xattrs": FILE.xattrs[:1]}),
        ("capabilities", {"xattrs": FILE.xattrs[1:]}),
        ("holes", {"sparse": False}),
    ],
)
def test_each_aspect_that_is_lost_is_told_and_no_other(aspect: str, changes: dict[str, Any]) -> None:
    arrival = Arrival(SENT | {b"g": replace(FILE, **changes)})
    assert [one for one in ASPECTS if list(losses(one, SENT, arrival))] == [aspect]
    assert not [one for one in ASPECTS if list(losses(one, SENT, Arrival(SENT)))]


def test_names_and_identity() -> None:
    lost = Arrival({path: look for path, look in SENT.items() if path != b"g"} | {b"h": FILE})
    assert [one.path for one in losses("names", SENT, lost)] == [b"g", b"h"]
    assert [one.path for one in losses("names", SENT, Arrival(SENT | {b"l": FILE}))] == [b"l"]
    assert list(losses("identity", SENT, Arrival(SENT, identity=("a", "b"))))
    assert not list(losses("identity", SENT, Arrival(SENT, identity=("a", "a"))))


def test_trees_travel_together_and_are_the_same_for_a_seed() -> None:
    trees = drawn(3, 5)
    assert trees == drawn(3, 5) != drawn(3, 6)
    both = expected(together(trees).below(TREE))
    for number, tree in enumerate(trees):
        for path, look in expected(tree.below(TREE)).items():
            group = b"%d/" % number + look.group if look.group else b""
            assert both[b"%d/" % number + path] == replace(look, group=group)


def test_what_is_not_there_is_told() -> None:
    from pytest_isolation.suite.roads.measure import Measured

    found = {
        "docker": Measured(missing="no daemon"),
        "podman": Measured("1", roads={"push": Travelled("podman push", missing="no registry")}),
        "skopeo": Measured("2", roads={"dir": Travelled("skopeo copy", refused=("no | name",))}),
    }
    told = text(found, 2)
    for said in ("no daemon", "not travelled: no registry", "refused: no | name"):
        assert said in told
    head, _, *rows = table(as_json(found, 2, 0))
    assert [row.split("|")[1:3] for row in rows] == [
        [" podman push ", " no registry "],
        [" skopeo copy ", " no   name "],
    ]
    assert {row.count("|") for row in rows} == {head.count("|")}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "none"], "--engine none: expected one of docker"),
        (["--count", "0"], "--count 0: expected a whole number from 1 to"),
        (
            ["-o", "/nowhere/found.json"],
            "-o /nowhere/found.json: there is no directory /nowhere; make it first: mkdir -p /nowhere",
        ),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["roads", *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
