"""The plugin beside pytest's own options: collecting starts nothing, and no way of reporting hides a failure."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.runs import run

ONE = ("--isolation", "--isolation-only", "pid.signal-out-refused")
MINE = """
from hypothesis import given, strategies as st
from pytest_isolation import guarantee, severity, weaken
import pytest

promise = guarantee("pid.mine", claim="x", sources=("man:kill(2)",),
    severity=severity.host("signals processes of the host"), falsified_by=weaken.share("pid"))

@promise
@given(number=st.integers())
def test_mine(box, number):
    {body}
"""


def _mine(tmp_path: Path, body: str, *extra: str) -> tuple[int, dict[str, object], str]:
    """Run one check of a user's on a box of namespaces: exit status, its row, the output."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "test_mine.py").write_text(MINE.replace("{body}", body))
    done = run(folder, "--isolation", "--box", "namespaces", "--isolation-only", "pid.mine", *extra, ".")
    done.said()
    return done.code, done.rows.get(("namespaces", "pid.mine"), {}), done.out


@pytest.mark.parametrize("arguments", [("--isolation", "--collect-only"), ("--isolation-list",)], ids=lambda a: a[-1])
@pytest.mark.parametrize("workers", ["0", "2"])
def test_looking_starts_nothing(tmp_path: Path, arguments: tuple[str, ...], workers: str) -> None:
    """No agent, no container: the agent's path is one that cannot run."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "conftest.py").write_text(
        "import pytest_isolation.agent.client as client\n"
        "def refuse(*_, **__):\n    raise SystemExit('an agent was started')\n"
        "client.Agent.__init__ = refuse\n"
    )
    done = run(tmp_path / "empty", "-n", workers, *arguments, report=False)
    assert done.code == 0, done.out
    done.said("signal" if "--collect-only" in arguments else "pid.signal-out-refused")
    assert [path.name for path in (tmp_path / "empty-tmp").glob("pytest-isolation-*/*-*")] == []


def test_without_xdist(tmp_path: Path) -> None:
    done = run(tmp_path / "empty", "-p", "no:xdist", *ONE, "--box", "namespaces")
    assert done.code == 0
    assert done.rows["namespaces", "pid.signal-out-refused"]["verdict"] == "holds"


def test_what_failed_last_is_measured_again(tmp_path: Path) -> None:
    """With --lf, built-in checks and tests of the user's beside each other: pytest leaves out whole files."""
    (folder := tmp_path / "both").mkdir()
    (folder / "test_mine.py").write_text("def test_mine():\n    assert False\n")
    profile = folder / "ours.toml"
    profile.write_text('name = "ours"\nsays = "all"\n[required]\n"pid.signal-out-refused" = "policy"\n')
    asked = (*ONE, "--box", "host", "--isolation-profile", str(profile), ".")
    for more in ((), ("--lf",)):
        done = run(folder, *asked, *more)
        done.said("2 failed")
        assert done.rows["host", "pid.signal-out-refused"]["outcome"] == "failed"


def test_without_a_terminal(tmp_path: Path) -> None:
    """Nobody to tell, and still the report and the exit status."""
    done = run(tmp_path / "empty", "-p", "no:terminal", *ONE, "--box", "host", "--isolation-profile", "container")
    assert done.code == 1
    assert done.out == ""
    assert done.rows["host", "pid.signal-out-refused"]["outcome"] == "failed"


def test_run_xfail_makes_unpromised_violations_fail(tmp_path: Path) -> None:
    done = run(tmp_path / "empty", *ONE, "--box", "host", "--runxfail")
    assert done.code == 1
    row = done.rows["host", "pid.signal-out-refused"]
    assert (row["outcome"], row["required_by"]) == ("failed", "runxfail")
    done.said("1 failed")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_junit(tmp_path: Path, workers: str) -> None:
    """Properties are in the XML, from workers as well; an unpromised violation is a skip with its reason."""
    path = tmp_path / "junit.xml"
    run(tmp_path / "empty", "-n", workers, *ONE, "--box", "host", "--box", "namespaces", f"--junitxml={path}")
    cases = {case.get("name", ""): case for case in ElementTree.parse(path).getroot().iter("testcase")}
    found = {
        name: {one.get("name", ""): one.get("value", "") for one in case.iter("property")}
        for name, case in cases.items()
    }
    assert sorted(value["isolation.box"] for value in found.values()) == ["host", "namespaces"]
    for value in found.values():
        assert value["isolation.guarantee"] == "pid.signal-out-refused"
        assert value["isolation.control"] == "fired"
        assert value["isolation.severity"] == "host"
        assert value["isolation.consequence"] == "signals processes of the host"
        assert value["isolation.verdict"] == ("violated" if value["isolation.box"] == "host" else "holds")
    (host,) = [case for name, case in cases.items() if name.endswith("[host]")]
    skipped = host.find("skipped")
    assert skipped is not None
    assert "not promised by host" in str(skipped.get("message"))


def test_failures_keep_their_section_and_summary(tmp_path: Path) -> None:
    """A word of our own for the outcome must not take the failure out of pytest's lists."""
    done = run(tmp_path / "empty", *ONE, "--box", "host", "--isolation-profile", "container")
    assert done.code == 1
    done.said("= FAILURES =", "short test summary info", "VIOLATED isolation::pid/", "1 failed")


# -- what a check can do wrong ---------------------------------------------------------------------------------


def test_an_assertion_is_no_violation(tmp_path: Path) -> None:
    """Only require() says violated; whatever else a check raises says something about the bench."""
    code, row, _ = _mine(tmp_path, "assert number < 0")
    assert code == 1
    assert (row["verdict"], row["outcome"]) == ("inconclusive", "failed")


def test_a_violation_seen_once_is_one(tmp_path: Path) -> None:
    """Hypothesis calls it flaky; for isolation, once is enough."""
    body = (
        "promise.__class__.seen = getattr(promise.__class__, 'seen', 0) + 1 if not box.spec.weakenings else 0\n"
        "    promise.require(box.spec.weakenings == frozenset() and promise.__class__.seen != 3)"
    )
    code, row, _ = _mine(tmp_path, body)
    assert row["verdict"] == "violated"
    assert code == (1 if row["claim"] == "promised" else 0)


def test_a_skip_inside_an_example_is_no_pass(tmp_path: Path) -> None:
    code, row, _ = _mine(tmp_path, "pytest.skip('not today')")
    assert code == 1
    assert row["verdict"] == "inconclusive"


def test_a_check_that_requires_nothing_is_no_pass(tmp_path: Path) -> None:
    code, row, _ = _mine(tmp_path, "box.proc.getpid()")
    assert code == 1
    assert row["verdict"] == "inconclusive"
    assert "without one require()" in str(row["reason"])


def test_a_slow_box_is_no_failure(tmp_path: Path) -> None:
    """Hypothesis' deadline of 200 ms, and a strict profile of the user's, are not for boxes."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "conftest.py").write_text(
        "from hypothesis import settings\n"
        "settings.register_profile('strict', deadline=1, max_examples=3, derandomize=True)\n"
        "settings.load_profile('strict')\n"
    )
    (tmp_path / "mine" / "test_mine.py").write_text(
        MINE.replace("{body}", "box.proc.nanosleep(0.02)\n    promise.require(box.proc.getpid().value == 1)")
    )
    done = run(
        tmp_path / "mine",
        *("--isolation", "--box", "namespaces", "--isolation-only", "pid.mine", "--isolation-examples", "20", "."),
    )
    row = done.rows["namespaces", "pid.mine"]
    assert (row["verdict"], row["examples"]) == ("holds", 20), done.out


def test_a_box_that_does_not_start_is_not_available(tmp_path: Path) -> None:
    """A set-up that fails is said of the box, once."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/agent").mkdir()  # where the agent's file is to be
    asked = ("--isolation", "--box", f"namespaces:image={tmp_path}/tree", "--isolation-only", "pid.*")
    done = run(tmp_path / "empty", *asked)
    assert done.code == 5
    assert done.report["results"] == []
    (box,) = done.report["boxes"]
    assert not box["available"]
    assert box["reason"]
    done.said("nothing was measured")


def test_every_row_is_plain_data(tmp_path: Path) -> None:
    """What is not plain would end a run with workers: evidence of every kind of check comes through."""
    done = run(tmp_path / "empty", "-n", "2", "--isolation", "--box", "host", "--isolation-examples", "3")
    assert done.code == 0, done.out
    assert {row["verdict"] for row in done.report["results"]} <= {"holds", "violated", "unsupported"}
    assert all(row["evidence"] for row in done.report["results"] if row["verdict"] == "violated")
