"""The oracle of layers: the specification's own examples, and each sentence of it that decides something."""

from __future__ import annotations

import pytest

from pytest_isolation.boxes.image import Entry
from pytest_isolation.boxes.layers.model import Layers, from_json, to_json
from pytest_isolation.boxes.layers.specification import SILENT, Reading, apply


def directory(path: str, **status: int) -> Entry:
    return Entry(path=path.encode(), kind="dir", mode=status.pop("mode", 0o755), **status)  # type: ignore[arg-type]


def file(path: str, data: bytes = b"", **status: int) -> Entry:
    return Entry(path=path.encode(), kind="file", data=data, **status)  # type: ignore[arg-type]


def link(path: str, to: str) -> Entry:
    return Entry(path=path.encode(), kind="hardlink", data=to.encode())


def read(*layers: list[Entry]) -> Reading:
    return apply(Layers(tuple(tuple(layer) for layer in layers)))


def names(reading: Reading) -> list[str]:
    return sorted(path.decode() for path in reading.tree if path)


BASE = [directory("a"), directory("a/b"), directory("a/b/c"), file("a/b/c/bar")]
ABOVE = [directory("a"), directory("a/b"), directory("a/b/c"), file("a/b/c/foo")]


@pytest.mark.parametrize("at", range(1, 5))
def test_an_opaque_marker_counts_wherever_it_stands(at: int) -> None:
    """layer.md, Whiteouts: "regardless of the ordering in which the whiteout file was encountered"."""
    layer = [*ABOVE[:at], file("a/.wh..wh..opq"), *ABOVE[at:]]
    assert names(read(BASE, layer)) == ["a", "a/b", "a/b/c", "a/b/c/foo"]


def test_an_opaque_marker_is_a_marker_for_each_sibling() -> None:
    """layer.md, Opaque Whiteout."""
    base = [directory("bin"), file("bin/one"), directory("bin/tools"), file("bin/tools/two"), file("etc")]
    one = read(base, [directory("bin"), file("bin/.wh..wh..opq")])
    other = read(base, [directory("bin"), file("bin/.wh.one"), file("bin/.wh.tools")])
    assert names(one) == names(other) == ["bin", "etc"]


@pytest.mark.parametrize("last", [True, False])
def test_a_marker_never_hides_what_its_own_layer_has(last: bool) -> None:
    """layer.md: "Whiteout files MUST only apply to resources in lower/parent layers"."""
    layer = [file("f", b"new"), file(".wh.f")]
    reading = read([file("f", b"old")], layer if last else layer[::-1])
    assert reading.tree[b"f"].contents == b"new"


def test_what_was_hidden_can_be_there_again() -> None:
    assert names(read([directory("d"), file("d/f")], [file(".wh.d")], [directory("d")])) == ["d"]


def test_a_directory_over_a_directory_replaces_its_attributes_alone() -> None:
    """layer.md, Changeset over existing files."""
    reading = read([directory("d"), file("d/f")], [directory("d", mode=0o700, uid=7, mtime_ns=5)])
    found = reading.tree[b"d"]
    assert (found.mode, found.uid, found.mtime_ns) == (0o700, 7, 5)
    assert names(reading) == ["d", "d/f"]


def test_attributes_that_the_new_entry_lacks_are_gone() -> None:
    before = Entry(path=b"d", kind="dir", mode=0o755, xattrs=(("user.x", b"x"),))
    assert read([before], [directory("d")]).tree[b"d"].xattrs == ()


@pytest.mark.parametrize("kind", ["file", "symlink", "fifo"])
def test_anything_else_over_a_directory_removes_what_is_in_it(kind: str) -> None:
    entry = Entry(path=b"d", kind=kind, data=b"f" if kind == "symlink" else b"")  # type: ignore[arg-type]
    reading = read([directory("d"), file("d/f")], [entry])
    assert names(reading) == ["d"]
    assert reading.tree[b"d"].kind == kind


def test_a_directory_over_a_symbolic_link_is_a_directory() -> None:
    reading = read([directory("d"), Entry(path=b"l", kind="symlink", data=b"d")], [directory("l")])
    assert reading.tree[b"l"].kind == "dir"
    assert reading.undecided(b"l", "type") is None


def test_a_new_file_over_one_name_leaves_the_other_name_as_it_was() -> None:
    reading = read([file("a", b"old"), link("b", "a")], [file("a", b"new")])
    assert (reading.tree[b"a"].contents, reading.tree[b"b"].contents) == (b"new", b"old")
    assert reading.tree[b"a"].group == reading.tree[b"b"].group == b""


def test_names_of_one_file_are_told_and_one_of_them_can_be_hidden() -> None:
    reading = read([file("a"), link("b", "a"), link("c", "a")], [file(".wh.a")])
    assert {path: look.group for path, look in reading.tree.items() if path} == {b"b": b"b", b"c": b"b"}


def test_a_marker_is_never_shown() -> None:
    """layer.md: "Once a whiteout is applied, the whiteout itself MUST also be hidden"."""
    assert names(read([file(".wh.none"), file(".wh..wh.x"), file(".wh..wh..opq"), file("f")])) == ["f"]


def test_the_time_of_a_directory_with_an_entry_is_the_entrys() -> None:
    reading = read([directory("d", mtime_ns=5), file("d/f")])
    assert reading.tree[b"d"].mtime_ns == 5
    assert reading.undecided(b"d", "mtime") is None


@pytest.mark.parametrize(
    ("layers", "path", "aspect", "why"),
    [
        ([[file("d/f")]], b"d", "mode", "parent-without-entry"),
        ([[directory("d")], [file("d/f")]], b"d", "mtime", "time-of-parent"),
        ([[directory("d"), file("d/f")], [file("d/.wh.f")]], b"d", "mtime", "time-of-parent"),
        ([[file("f")], [file("f/g")]], b"f/g", "exists", "below-other"),
        (
            [[directory("d"), Entry(path=b"l", kind="symlink", data=b"d")], [file("l/f")]],
            b"d/f",
            "exists",
            "below-symlink",
        ),
        ([[file("f"), file("f", b"x")]], b"f", "content", "duplicate"),
        ([[file("f")], [file(".wh.f"), file(".wh.f")]], b"f", "exists", "duplicate"),
        ([[directory("d")], [file("d/.wh.f", b"x")]], b"d/f", "exists", "marker-not-empty-file"),
        ([[directory("d")], [file("d/.wh.")]], b"d", "exists", "marker-without-name"),
        ([[file("none/.wh.f")]], b"none", "exists", "marker-in-no-directory"),
        ([[file("f")], [link("g", "f")]], b"g", "links", "link-to-lower-layer"),
        ([[file("f", mode=0o600), link("g", "f")]], b"f", "mode", "status-of-link"),
        ([[link("g", "none")]], b"g", "exists", "link-to-nothing"),
    ],
)
def test_where_the_specification_is_silent_the_reading_says_so(
    layers: list[list[Entry]], path: bytes, aspect: str, why: str
) -> None:
    assert read(*layers).undecided(path, aspect) == why


def test_each_silence_is_met_by_a_case_above() -> None:
    (mark,) = vars(test_where_the_specification_is_silent_the_reading_says_so)["pytestmark"]
    assert {case[3] for case in mark.args[1]} == SILENT.keys()


@pytest.mark.parametrize("aspect", ["mode", "owner", "xattr", "exists"])
def test_a_directory_without_an_entry_in_a_later_layer_keeps_what_it_has(aspect: str) -> None:
    """No change is no entry: nothing in the specification gives it another mode or owner."""
    reading = read([directory("d", mode=0o700, uid=7)], [file("d/f")])
    assert reading.undecided(b"d", aspect) is None
    assert (reading.tree[b"d"].mode, reading.tree[b"d"].uid) == (0o700, 7)


def test_a_sequence_is_the_same_after_json() -> None:
    odd = Entry(path=b"\xff/\n", kind="char", data=b"1:3", mode=0o4755, uid=1, gid=2**32 - 2, mtime_ns=-1)
    with_attributes = Entry(path=b"d", kind="dir", xattrs=(("user.x", b"\xff\0"),))
    sequence = Layers(((odd, link("a", "b")), (with_attributes,)))
    assert from_json(to_json(sequence)) == sequence


def test_what_may_be_made_may_change_the_time_of_its_directory() -> None:
    """Where it is not said whether a name is there, it is not said whether its directory was written to."""
    reading = read([directory("d")], [file("d/none/below/.wh.f")])
    assert reading.undecided(b"d", "mtime") == "marker-in-no-directory"
    assert reading.undecided(b"d/none", "exists") == "marker-in-no-directory"
    assert reading.undecided(b"d", "mode") is None
