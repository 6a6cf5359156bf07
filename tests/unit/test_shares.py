"""Long tests are shared out over runs: nothing is left out for ever, and nothing is drawn twice differently."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shares import SHARES, Long, drawn, seed_of_commit, share_of

KINDS = st.sampled_from(["", "", "falsifiers", "kernels", "mutants"])
TESTS = st.lists(
    st.builds(Long, st.text("abc/:[]", min_size=1), KINDS, st.sampled_from([0.1, 1.0, 30.0, 600.0])),
    max_size=60, unique_by=lambda test: test.id,
)  # fmt: skip


@given(TESTS)
def test_the_shares_together_are_all_tests(tests: list[Long]) -> None:
    shares = [drawn(tests, share) for share in range(SHARES)]
    assert set().union(*shares) == {test.id for test in tests}
    alone = [test.id for test in tests if not test.one_of]
    assert [sum(id in share for share in shares) for id in alone] == [1] * len(alone)


@given(TESTS)
def test_each_share_has_one_of_each_kind(tests: list[Long]) -> None:
    kinds = {test.one_of for test in tests} - {""}
    for share in range(SHARES):
        ids = drawn(tests, share)
        assert {test.one_of for test in tests if test.id in ids} - {""} == kinds


@given(TESTS, st.randoms())
def test_the_order_in_which_tests_were_found_changes_nothing(tests: list[Long], by: object) -> None:
    other = list(tests)
    by.shuffle(other)  # type: ignore[attr-defined]
    assert [drawn(tests, share) for share in range(SHARES)] == [drawn(other, share) for share in range(SHARES)]


@given(st.lists(st.floats(0.1, 600), max_size=60))
def test_no_share_is_longer_than_another_by_more_than_a_test(seconds: list[float]) -> None:
    tests = [Long(f"t{number}", "", one) for number, one in enumerate(seconds)]
    loads = [sum(one.seconds for one in tests if one.id in drawn(tests, share)) for share in range(SHARES)]
    assert max(loads) - min(loads) <= max(seconds, default=0) + 1e-6


def test_a_commit_draws_a_share() -> None:
    assert {share_of(f"{share:x}") for share in range(SHARES)} == set(range(SHARES))
    assert share_of("240664da") == 0xA % SHARES
    assert 0 <= share_of(seed_of_commit()) < SHARES
    with pytest.raises(ValueError, match="invalid literal"):
        share_of("no commit")


# -- a run of pytest -------------------------------------------------------------------------------------------

PROJECT = """
import pytest

@pytest.mark.long
@pytest.mark.parametrize("number", range(20))
def test_alone(number):
    pass

@pytest.mark.long(one_of="kind")
@pytest.mark.parametrize("number", range(3))
def test_kind(number):
    pass

def test_short():
    pass
"""


ROOT = Path(__file__).parents[2]
LINE = re.compile(
    r"^long tests: share (\d) of 8, drawn by (\w+); the same again: PYTEST_ISOLATION_SEED=\2;", re.MULTILINE
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the conftest of these tests for a plugin."""
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = suite\nmarkers = long\n")
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "test_it.py").write_text(PROJECT)
    return tmp_path


def passed(project: Path, *arguments: str, seed: str = "", code: int = 0) -> tuple[set[str], str]:
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-v", *arguments]
    own = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_ISOLATION_SEED": seed}
    done = subprocess.run(command, cwd=project, env=own, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return set(re.findall(r"(test_\w+(?:\[\d+\])?) .*PASSED|PASSED \S*::(\S+)", done.stdout)), done.stdout + done.stderr


def test_a_run_without_paths_has_a_share_and_says_which(project: Path) -> None:
    found, said = passed(project, seed="a3")
    assert LINE.findall(said) == [("4", "a3")]
    assert ("test_short", "") in found
    assert len([one for one in found if "test_alone" in one[0]]) in (2, 3)
    assert len([one for one in found if "test_kind" in one[0]]) == 1
    assert passed(project, seed="a3")[0] == found
    assert passed(project, "--long=share", "suite", seed="a3")[0] == found


def test_workers_have_the_share_of_their_controller(project: Path) -> None:
    pytest.importorskip("xdist")
    count = len(passed(project, seed="5")[0])
    found, said = passed(project, "-n", "2", "--dist", "loadfile", seed="5")
    assert (len(found), LINE.findall(said)) == (count, [("6", "5")])


@pytest.mark.parametrize(("arguments", "count"), [(("suite",), 24), (("--long=all",), 24), (("--long=only",), 23)])
def test_named_paths_and_words_have_all(project: Path, arguments: tuple[str, ...], count: int) -> None:
    found, said = passed(project, *arguments)
    assert len(found) == count
    assert "long tests:" not in said


def test_a_seed_that_is_no_number_is_said(project: Path) -> None:
    _, said = passed(project, seed="monday", code=4)
    assert "ERROR: PYTEST_ISOLATION_SEED is 'monday'; expected a hexadecimal number" in said


def test_what_failed_is_run_again_whatever_share_it_is_of(project: Path) -> None:
    """With the words of .ci/run: of the failed tests alone a share would be drawn anew, and the others be left out."""
    again = next(line for line in (ROOT / ".ci" / "run").read_text().splitlines() if "--last-failed" in line)
    words = [word for word in again.partition("#")[0].split() if word.startswith("--")]
    test = project / "suite" / "test_it.py"
    test.write_text(PROJECT.replace("pass\n", "raise AssertionError\n"))
    _, said = passed(project, seed="5", code=1)
    failed = set(re.findall(r"^FAILED \S+::(\S+)", said, re.MULTILINE))
    assert len(failed) > 3
    named = subprocess.run(
        [sys.executable, ROOT / "dev" / "disturbed", project / ".pytest_cache"], capture_output=True, text=True
    )
    assert {line.partition("::")[2] for line in named.stdout.splitlines()[1:]} == failed
    test.write_text(PROJECT)
    found, _ = passed(project, *words, seed="5")
    assert {one or other for one, other in found} == failed


@pytest.mark.parametrize(("files", "status"), [(5, 0), (6, 1)])
def test_tests_of_few_files_are_looked_at_again_however_many_they_are(tmp_path: Path, files: int, status: int) -> None:
    record = tmp_path / "v" / "cache" / "lastfailed"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({f"tests/test_{number % files}.py::test_{number}": True for number in range(20)}))
    said = subprocess.run([sys.executable, ROOT / "dev" / "disturbed", tmp_path], capture_output=True, text=True)
    assert said.returncode == status, said.stderr
    assert said.stderr == ("" if status == 0 else "tests of 6 files failed; those of at most 5 are looked at again\n")
