"""A door is one of a closed set of words, and in reports it is still the word."""

import json

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import NotStarted, Unsupported, UsageError
from pytest_isolation.options.boxes import parse
from pytest_isolation.report.run import ResultRow
from tests.unit.test_report import GOOD


@pytest.mark.parametrize("door", list(Door))
def test_a_spec_has_a_door_however_it_was_written(door: Door) -> None:
    assert parse(f"docker:door={door}").door is door
    assert BoxSpec(technology="docker").changed(door=door.value).door is door


def test_a_row_keeps_its_door_over_json() -> None:
    text = json.dumps(GOOD.to_json())
    assert json.loads(text)["door"] == "start"
    assert ResultRow.from_json(json.loads(text)).door is Door.START


def test_another_word_is_told() -> None:
    with pytest.raises(UsageError, match=r"expected start .* exec .* or both"):
        parse("docker:door=window")


def test_where_there_is_no_door_the_next_step_is_told() -> None:
    error = NotStarted("box", Door.EXEC, Unsupported("bubblewrap has no way into a running box"))
    assert error.remedy == "leave door=exec out: the box is measured as it starts"
    assert "mend that" in NotStarted("box", Door.START, Unsupported("no room")).remedy


def test_the_outer_box_of_two_has_no_door_of_its_own() -> None:
    with pytest.raises(UsageError, match=r"outer\.door: the inner box starts with the outer one; leave it out"):
        parse("bubblewrap@docker:outer.door=exec")
