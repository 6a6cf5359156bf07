"""What an option of a run elsewhere says about here is looked at here, before anything is started."""

import re
from pathlib import Path

import pytest

from pytest_isolation import cli
from pytest_isolation.machines.carried import (
    PROFILE,
    STAYS,
    partial_of,
    reports_asked,
    reports_there,
    since_asked,
    since_there,
    tree,
)


@pytest.mark.parametrize("command", ["in-root", "in-vm"])
@pytest.mark.parametrize(
    "words", [["--isolation-report", "json:/nope/x.json"], ["--isolation-report=json:/nope/x.json"]]
)
def test_a_report_that_cannot_be_written_is_refused_first(
    command: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "--", "--box", "namespaces", *words]) == 2
    told = capsys.readouterr().err
    assert told == (
        f"pytest-isolation {command}: --isolation-report 'json:/nope/x.json': there is no directory /nope; "
        "make it first: mkdir -p /nope\n"
    )


@pytest.mark.parametrize("command", ["in-root", "in-vm"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--junitxml", "x.xml"], "--junitxml x.xml: that file is not brought along, and reports alone come back; ask"),
        (["--junit-xml=x.xml"], "--junit-xml x.xml: that file is not brought along"),
        (["--isolation-expect", "known.toml"], "--isolation-expect known.toml: that file"),
        (["--isolation-kernel", "vmlinuz"], "--isolation-kernel vmlinuz: that file"),
        (
            ["--log-file=run.log"],
            "--log-file run.log: that file is not brought along, and reports alone come back; ask",
        ),
        (
            ["--isolation-profile", "ours.toml"],
            "--isolation-profile ours.toml: that file is not brought along; name a prof",
        ),
    ],
)
def test_a_file_of_this_machine_is_refused_first(
    command: str, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was told minutes later, by the run there; a JUnit report was written there, and lost."""
    assert cli.main([command, "--", "--box", "namespaces", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"pytest-isolation {command}: {told}") and said.count("\n") == 1


def test_the_page_names_each() -> None:
    page = Path(__file__).parents[2] / "docs" / "other-releases.md"
    text = page.read_text(encoding="utf-8").partition("brought along, and nothing but a report comes back")[2]
    assert set(re.findall(r"`(--[\w-]+)`", text)) == {*STAYS, PROFILE}


def test_a_full_disk_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device", "/tmp/x")

    monkeypatch.setattr("pytest_isolation.machines.command.in_root", full)
    assert cli.main(["in-root"]) == 2
    told = capsys.readouterr().err
    assert told == (
        "pytest-isolation in-root: [Errno 28] No space left on device: '/tmp/x'; make room, or set TMPDIR\n"
    )


def test_reports_go_by_their_own_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = [
        "--box",
        "runc",
        "--isolation-report",
        "json:a/r.json",
        "--isolation-report=md:/b/r.json",
        "--isolation-report",
    ]
    assert reports_asked(given) == ["json:a/r.json", "md:/b/r.json"]
    words, back = reports_there(given, "/there")
    assert words[2:] == ["--isolation-report", "json:r.json", "--isolation-report=md:1-r.json", "--isolation-report"]
    assert back == {"/there/r.json": tmp_path / "a/r.json", "/there/1-r.json": Path("/b/r.json")}


@pytest.mark.parametrize("command", ["in-root", "in-vm"])
def test_a_report_to_go_on_from_is_looked_at_first(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (other := tmp_path / "x.json").write_text("{}")
    assert cli.main([command, "--", "--box", "namespaces", f"--isolation-since={other}"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"pytest-isolation {command}: --isolation-since '{other}': {other}: schema None; expected ")
    assert told.count("\n") == 1


def test_a_report_to_go_on_from_goes_by_another_name() -> None:
    given = ["--isolation-since", "a/b.json", "--box", "runc", "--isolation-since=/c.json.partial"]
    assert since_asked(given) == "/c.json.partial"
    assert since_asked(given[:2]) == "a/b.json" and since_asked(given[2:4]) is None
    assert since_there(given) == [
        "--isolation-since", "since.json", "--box", "runc", "--isolation-since=since.json",
    ]  # fmt: skip
    assert partial_of(Path("/a/r.json")) == Path("/a/r.json.partial")


def test_what_pods_need_is_carried_where_it_is_here(tmp_path: Path) -> None:
    """And what no engine needs is not, though it is an extra, too."""
    pytest.importorskip("grpc")
    pytest.importorskip("cri_api")
    made = tree(tmp_path / "tree", Path(__file__).parent)
    assert {"pytest", "grpc", "cri_api", "websocket"} <= {path.name for path in made.iterdir()}
    assert not (made / "dulwich").exists()
