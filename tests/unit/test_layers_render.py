"""docs/layers.md is what tests/data/layers.json says, and that is what the oracle decides today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_isolation import cli
from pytest_isolation.boxes.image import Entry, FileView
from pytest_isolation.boxes.layers.model import Layers, from_json
from pytest_isolation.boxes.layers.specification import ASPECTS, ROOT, SILENT, apply
from pytest_isolation.suite.layers.compare import PLACE, Unpacked, differences
from pytest_isolation.suite.layers.engines import engines
from pytest_isolation.suite.layers.render import SCHEMA, as_json, in_words, name, time_of
from pytest_isolation.suite.layers.search import Compared
from tests.scripts import script

TOP = Path(__file__).parents[2]
CORPUS = json.loads((TOP / "tests" / "data" / "layers.json").read_text(encoding="utf-8"))


def test_the_page_is_the_corpus() -> None:
    assert (TOP / "docs" / "layers.md").read_text(encoding="utf-8") == script("document-layers").page(CORPUS)


@pytest.mark.parametrize(
    "case", CORPUS["cases"], ids=lambda case: in_words(from_json(case["layers"])).encode("unicode_escape").decode()[:60]
)
def test_each_case_shows_what_the_specification_decides(case: dict[str, object]) -> None:
    """A reading that changed makes cases of the corpus stale: they are measured anew."""
    reading = apply(from_json(case["layers"]))  # type: ignore[arg-type]
    found = [one for seen in case["found"].values() for one in seen]  # type: ignore[attr-defined]
    assert found
    for one in found:
        assert one["aspect"] in (*ASPECTS, "refused")
        assert one.get("silent") in (None, *SILENT)
        if one["aspect"] != "refused":
            path = one["path"].encode("utf-8", "surrogateescape")
            assert reading.undecided(path, one["aspect"]) == one.get("silent")


def test_the_corpus_has_a_case_of_each_silence() -> None:
    shown = {
        one["silent"] for case in CORPUS["cases"] for seen in case["found"].values() for one in seen if "silent" in one
    }
    met = set().union(*(apply(from_json(case["layers"])).met for case in CORPUS["cases"]))
    assert met == SILENT.keys()
    assert shown >= SILENT.keys() - {"status-of-link"}


def test_the_corpus_knows_each_engine() -> None:
    assert CORPUS["engines"].keys() == engines().keys()


FILE = Entry(path=b"f", kind="file", data=b"x", mode=0o600, uid=1, gid=2, mtime_ns=3, xattrs=(("user.a", b"b"),))


def _tree(**changes: object) -> dict[bytes, FileView]:
    told: dict[str, object] = {"kind": "file", "mode": 0o600, "uid": 1, "gid": 2, "mtime_ns": 3, "contents": b"x"}
    told |= {"xattrs": (("user.a", b"b"),), "group": b""} | changes
    root = FileView(kind="dir", mode=ROOT.mode, uid=0, gid=0, mtime_ns=ROOT.mtime_ns)
    return {b"": root, b"f": FileView(**told)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("aspect", "changes"),
    [
        ("type", {"kind": "fifo"}),
        ("exists", {"kind": "listed"}),
        ("content", {"contents": b"y"}),
        ("mode", {"mode": 0o644}),
        ("owner", {"gid": 3}),
        ("mtime", {"mtime_ns": 4}),
        ("xattr", {"xattrs": ()}),
        ("links", {"group": b"a"}),
    ],
)
def test_each_aspect_that_is_lost_is_told(aspect: str, changes: dict[str, object]) -> None:
    """The falsifiers of the comparison: a tree that lacks one aspect, and one that lacks nothing."""
    reading = apply(Layers(((FILE,),)))
    assert differences(reading, Unpacked(_tree())) == []
    assert [(one.path, one.aspect) for one in differences(reading, Unpacked(_tree(**changes)))] == [(b"f", aspect)]


def test_a_name_that_is_lost_or_left_is_told_once() -> None:
    reading = apply(Layers(((FILE,),)))
    lost = {path: look for path, look in _tree().items() if path != b"f"}
    assert [one.aspect for one in differences(reading, Unpacked(lost))] == ["exists"]
    assert [one.path for one in differences(reading, Unpacked(_tree() | {b"g": _tree()[b"f"]}))] == [b"g"]


def test_a_refusal_is_a_difference_and_may_be_allowed() -> None:
    (one,) = differences(apply(Layers(((FILE,),))), Unpacked({}, "no"))
    assert (one.aspect, one.silent) == ("refused", None)
    (one,) = differences(apply(Layers(((FILE, FILE),))), Unpacked({}, "no"))
    assert (one.aspect, one.silent) == ("refused", "duplicate")


def test_a_sequence_is_named_by_its_directory() -> None:
    assert PLACE.findall('link /tmp/x/s0123456789ab-17/a/b "s0123456789ab-3": no') == ["17", "3"]


def test_words_are_safe_to_print_and_short() -> None:
    assert name(b"a b\n\xff") == "a\\x20b\\n\\udcff" or name(b"a b\n\xff").isprintable()
    assert len(name(b"n" * 255)) < 40
    assert time_of(-1) == "1969-12-31T23:59:59.999999999"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "none"], "expected one of docker"),
        (["--count", "0"], "from 1 to"),
        (["--count", "1000000000"], "from 1 to"),
        (["--cases", "/nowhere"], "what `pytest-isolation layers --format json` wrote"),
        (
            ["--cases", "/nowhere", "--count", "3"],
            "--count 3 draws, and --cases /nowhere has what is tried; leave one out",
        ),
        (["--cases", "/nowhere", "--seed", "0"], "leave one out"),
        (
            ["-o", "/nowhere/found.json"],
            "-o /nowhere/found.json: there is no directory /nowhere; make it first: mkdir -p /nowhere",
        ),
        (["-o", "/"], "-o /: / is a directory; expected the path of a file"),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And is said at once: nothing was compared yet."""
    assert cli.main(["layers", *words]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert (captured.err.count("\n"), captured.out) == (1, "")


def _file(layers: object) -> str:
    return json.dumps({"schema": SCHEMA, "cases": [{"layers": layers}]})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "its schema is None, and not 'pytest-isolation/layers/1'"),
        ('{"schema": "pytest-isolation/report/1"}', "its schema is 'pytest-isolation/report/1'"),
        (json.dumps({"schema": SCHEMA, "cases": []}), "has no cases"),
        (json.dumps({"schema": SCHEMA, "cases": 3}), "has no cases"),
        (_file(3), "case 0, counted from 0, is no sequence of layers"),
        (_file([[{"file": 3}]]), "is no sequence of layers"),
        (_file([[{"file": "a", "mode": "9"}]]), "is no sequence of layers"),
        (_file([[{"file": "a", "mtime_ns": "soon"}]]), "mtime_ns is 'soon', and no whole number"),
        (_file([[{"file": "a", "uid": -1}]]), "uid is -1, and no whole number"),
        (_file([[{"char": "a", "data": "x"}]]), "is no sequence of layers"),
        (_file([[{"socket": "a"}]]), "is no sequence of layers"),
        (_file([[{"file": "/etc/a"}]]), "leads out of its directory: file /etc/a"),
        (_file([[{"file": ""}]]), "leads out of its directory"),
        (_file([[{"file": "../a"}]]), "leads out of its directory: file ../a"),
        (_file([[{"file": "a/.wh..."}]]), "leads out of its directory"),
        (_file([[{"symlink": "a", "data": "/"}]]), "leads out of its directory: symlink a -> /"),
        (_file([[{"symlink": "a", "data": "b/../.."}]]), "leads out of its directory"),
        (_file([[{"hardlink": "a", "data": "/etc/passwd"}]]), "leads out of its directory"),
        (_file([[{"dir": "a", "xattrs": {"trusted.overlay.opaque": "79"}}]]), "leads out of its directory"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_sentence(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What root unpacks is harmless, whoever wrote the file."""
    path = tmp_path / "cases.json"
    path.write_text(text)
    assert cli.main(["layers", "--cases", str(path)]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_the_page_names_each_field_of_the_json() -> None:
    document = as_json({"umoci": Compared(version="1")}, 0, [], {})
    page = (TOP / "docs" / "layers.md").read_text(encoding="utf-8")
    assert [field for field in (*document, "version", "seconds", "kinds", "missing") if f"`{field}`" not in page] == []
