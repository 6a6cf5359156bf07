"""Each engine that is here unpacks the specification's examples, and the corpus as it did when that was measured."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from pytest_isolation.boxes.image import Entry
from pytest_isolation.boxes.layers.model import Layers, from_json
from pytest_isolation.boxes.layers.specification import Reading, apply
from pytest_isolation.suite.layers.compare import differences, stored, unpack
from pytest_isolation.suite.layers.engines import engines
from pytest_isolation.suite.layers.engines.engine import Engine
from pytest_isolation.suite.layers.engines.umoci import Umoci
from pytest_isolation.suite.layers.render import as_json
from pytest_isolation.suite.layers.search import Compared, compare
from pytest_isolation.technologies.room import Refused
from tests.layers.support import ready
from tests.support import skip_unless_measured_with

CORPUS = json.loads((Path(__file__).parents[1] / "data" / "layers.json").read_text(encoding="utf-8"))
ENGINES = sorted(engines())


def directory(path: str) -> Entry:
    return Entry(path=path.encode(), kind="dir", mode=0o755, mtime_ns=10**9)


def file(path: str, data: bytes = b"") -> Entry:
    return Entry(path=path.encode(), kind="file", data=data, mtime_ns=10**9)


PLAIN = [
    Layers(
        ((directory("a"), directory("a/b"), file("a/b/bar")), (directory("a"), file("a/.wh..wh..opq"), file("a/foo")))
    ),
    Layers(((file("f", b"old"), file("g")), (file("f", b"new"), file(".wh.g")))),
    Layers(((directory("d"), file("d/f")), (file("d", b"x"),), (directory("d"),))),
    Layers(((file("f", b"x"), Entry(path=b"l", kind="hardlink", data=b"f", mtime_ns=10**9)), (directory("d"),))),
]
"""In which no engine has been seen to differ but in times: containerd's native copies directories without theirs."""


@pytest.mark.long("layers")
@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_makes_what_the_specification_says_and_what_it_made_before(name: str) -> None:
    with ready(name) as engine:
        for reading, seen in _seen(engine, PLAIN):
            assert [one for one in seen if one.silent is None and one.aspect != "mtime"] == [], reading
        recorded = CORPUS["engines"].get(name, {})
        # Another version may do what it likes where the corpus is: the command compares it.
        skip_unless_measured_with(recorded.get("version"), engine.version)
        cases = [from_json(case["layers"]) for case in CORPUS["cases"]]
        now = Compared(engine.version, seen=[tuple(seen) for _, seen in _seen(engine, cases)])
    again = as_json({}, 0, cases, {name: now})
    for case, recalled in zip(again["cases"], CORPUS["cases"], strict=True):
        # By words: the times that the specification does not decide are those of the moment.
        assert _steady(case["found"][name]) == _steady(recalled["found"][name]), case["layers"]


@pytest.mark.long("layers")
@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_is_the_one_that_its_name_says(name: str) -> None:
    """red: `ctr images mount --snapshotter native`, which mounts an overlay file system."""
    with ready(name) as engine, stored({0: PLAIN[0]}) as (image, places), engine.unpacked(image) as root:
        where = os.fsdecode(root + b"/" + places[0])
        told = subprocess.run(
            ["stat", "--file-system", "--format=%T", where], check=True, capture_output=True, text=True
        )
    wanted = not name.endswith(("vfs", "native", "umoci")) and (name != "docker" or "overlay2" in engine.version)
    assert (told.stdout.strip() == "overlayfs") == wanted


def _steady(found: list[dict[str, str]]) -> list[str]:
    return [one["in_words"] for one in found if "silent" not in one or one["aspect"] != "mtime"]


def _seen(engine: Engine, sequences: list[Layers]):  # type: ignore[no-untyped-def]
    readings: list[Reading] = [apply(sequence) for sequence in sequences]
    unpacked = unpack(engine, sequences, readings)
    return [(reading, differences(reading, one)) for reading, one in zip(readings, unpacked, strict=True)]


def test_an_engine_that_fails_takes_nothing_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with ready("umoci"):
        pass
    told: list[str] = []
    monkeypatch.setattr("pytest_isolation.technologies.room.TIMEOUT_S", 0.0001)
    found = compare(["umoci"], PLAIN, tell=told.append)
    assert "did not end within" in found["umoci"].missing and found["umoci"].missing in told[-1]


def test_an_engine_that_takes_nothing_at_all_is_not_asked_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a full disk: what it says of each image is no refusal of a sequence."""
    own_name = Layers(((Entry(path=b"a", kind="file"), Entry(path=b".wh.a", kind="file")),))
    with ready("umoci"):
        pass

    def full(engine: Umoci, stored: object) -> NoReturn:
        raise Refused("no space left on device")

    monkeypatch.setattr(Umoci, "unpacked", full)
    found = compare(["umoci"], [own_name])
    assert found["umoci"].missing == "it refuses an image of plain files: no space left on device"
