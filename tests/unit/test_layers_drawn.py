"""What is drawn stays inside, varies, and can be made smaller."""

from __future__ import annotations

import pytest
from hypothesis import Phase, find, settings

from pytest_isolation.boxes.image import Entry
from pytest_isolation.boxes.layers.model import Layers, leads_out
from pytest_isolation.boxes.layers.specification import SILENT, apply
from pytest_isolation.suite.layers.draw import drawn, sequences
from pytest_isolation.suite.layers.search import size
from pytest_isolation.suite.layers.simpler import simpler

DRAWN = drawn(300, 5)
ENTRIES = [entry for sequence in DRAWN for layer in sequence.layers for entry in layer]


def test_no_name_and_no_link_leads_out() -> None:
    """A link that leads out of the root through which a layer writes is nobody's to try."""
    assert [sequence for sequence in DRAWN if leads_out(sequence)] == []
    for entry in ENTRIES:
        told = [entry.path] + [entry.data] * (entry.kind in ("symlink", "hardlink"))
        for path in told:
            assert not path.startswith(b"/")
            assert not {b"..", b".", b""} & set(path.split(b"/"))
            assert not {b".wh..", b".wh..."} & set(path.split(b"/"))
        assert all(name.startswith("user.") or name == "security.capability" for name, _ in entry.xattrs)


def test_each_kind_of_entry_is_drawn() -> None:
    assert {entry.kind for entry in ENTRIES} == {"file", "dir", "symlink", "hardlink", "fifo", "char", "block"}


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # find() tells of one, now and then
@pytest.mark.parametrize("why", SILENT)
def test_each_silence_is_drawn(why: str) -> None:
    generate = settings(max_examples=5000, phases=[Phase.generate], database=None, deadline=None)
    assert why in apply(find(sequences(), lambda sequence: why in apply(sequence).met, settings=generate)).met


def test_equal_seeds_draw_equal_sequences_and_others_do_not() -> None:
    assert drawn(10, 1) == drawn(10, 1) != drawn(10, 2)


def test_each_step_is_simpler_and_steps_come_to_an_end() -> None:
    sequence = max(DRAWN, key=size)
    taken = 0
    while (step := next(simpler(sequence), None)) is not None:
        assert step != sequence
        sequence, taken = step, taken + 1
        assert taken < 1000
    assert size(sequence)[:2] == (1, 1)


def test_the_last_step_of_all_is_one_plain_file() -> None:
    """From anything, always the last of its steps: none leads back."""
    for sequence in DRAWN[:20]:
        for _ in range(1000):
            steps = list(simpler(sequence))
            if not steps:
                break
            sequence = steps[-1]
        else:
            raise AssertionError("the steps do not end")


def test_a_marker_is_renamed_with_what_it_hides() -> None:
    one = Layers(
        ((Entry(path=b"long", kind="file", mtime_ns=10**9),), (Entry(path=b".wh.long", kind="file", mtime_ns=10**9),))
    )
    other = Layers(
        ((Entry(path=b"a", kind="file", mtime_ns=10**9),), (Entry(path=b".wh.a", kind="file", mtime_ns=10**9),))
    )
    assert other in list(simpler(one))
