"""What the commands say of arguments that they do not take: one sentence, with what to do."""

from __future__ import annotations

import pytest

from pytest_isolation.cli import main


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "pytest-isolation: the following arguments are required: command; `pytest-isolation --help`"),
        (["clean"], "'clean' is no command, but an option of pytest: pytest --isolation-clean; "),
        (["mrge"], "invalid choice: 'mrge' (choose from "),
        (
            ["merge"],
            "pytest-isolation merge: the following arguments are required: FILE|DIRECTORY; `pytest-isolation m",
        ),
        (["merge", "--foo", "x"], "unrecognized arguments: --foo; `pytest-isolation --help` says what it takes"),
        (
            ["docker-vm", "--memory", "x"],
            "argument --memory: 'x': expected a whole number from 1 to 9999999; `pytest-isolation docker-vm --help`",
        ),
        (["docker-vm", "--memory", "0"], "argument --memory: '0': expected a whole number from 1 to 9999999;"),
        (["in-vm", "--memory=-5"], "argument --memory: '-5': expected a whole number from 1 to 9999999;"),
        (["in-vm", "--processors", "0"], "argument --processors: '0': expected a whole number from 1 to 9999999;"),
    ],
)
def test_a_mistake_is_one_sentence(argv: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert told in said
    assert len(said.splitlines()) == 1
