"""The command line and pyproject.toml as one value; every mistake is a UsageError before anything starts."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import UsageError
from pytest_isolation.options import OPTIONS
from pytest_isolation.options.boxes import parse, unparse
from pytest_isolation.options.config import RunConfig, from_options
from pytest_isolation.technologies import names


def resolved(place: Path, *argv: str) -> RunConfig:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, how in OPTIONS:
        parser.add_argument(name, **how)
    return from_options(vars(parser.parse_args(argv)), rootdir=place, base=place)


def test_nothing_asked(tmp_path: Path) -> None:
    assert resolved(tmp_path) == RunConfig(pairs=True)


def test_pairs_are_asked_for_or_come_with_a_full_run(tmp_path: Path) -> None:
    assert resolved(tmp_path, "--isolation").pairs
    assert not resolved(tmp_path, "--isolation", "--box", "host", "--box", "chroot").pairs
    assert resolved(tmp_path, "--isolation", "--box", "host", "--isolation-pairs").pairs


def test_everything_asked(tmp_path: Path) -> None:
    baseline = tmp_path / "known.toml"
    baseline.write_text('[[violation]]\nbox = "host"\nguarantee = "pid.init-is-one"\n')
    got = resolved(
        tmp_path, "--isolation", "--box", "host", "--box", "n=namespaces:memory=64M",
        "--isolation-only", "pid.*, mnt.*", "--isolation-only", "net.lo-up",
        "--isolation-report", "json:r.json", "--isolation-report", "md:r.md",
        "--isolation-require", "host,n", "--isolation-profile", "container", "--isolation-expect", "known.toml",
        "--isolation-examples", "7", "--isolation-prove",
    )  # fmt: skip
    assert got.enabled
    assert got.prove
    assert [box.name for box in got.boxes] == ["host", "n"]
    assert got.only == ("pid.*", "mnt.*", "net.lo-up")
    assert got.reports == (("json", tmp_path / "r.json"), ("md", tmp_path / "r.md"))
    assert got.require == ("host", "n")
    assert got.examples == 7
    assert got.profile is not None
    assert got.profile.name == "container"
    assert got.expect is not None
    assert ("host", "pid.init-is-one", "start", None) in got.expect


@pytest.mark.parametrize("option", ["--isolation", "--isolation-list", "--isolation-clean"])
def test_enabled(tmp_path: Path, option: str) -> None:
    assert resolved(tmp_path, option).enabled
    assert not resolved(tmp_path, "--box", "host").enabled


def test_a_preset_is_called_as_it_is(tmp_path: Path) -> None:
    asked = resolved(tmp_path, "--box", "preset:firejail", "--box", "preset:proot", "--box", "mine=preset:unshare")
    assert [box.name for box in asked.boxes] == ["firejail", "proot", "mine"]
    assert [unparse(box) for box in asked.boxes] == ["preset:firejail", "preset:proot", "mine=preset:unshare"]


@pytest.mark.parametrize("text", ["docker", "command:nice", "channel:sh", "preset:none-of-them", "preset=preset:proot"])
def test_no_other_value_names_a_box(text: str) -> None:
    spec = parse(text)
    assert spec.name == spec.technology
    assert parse(unparse(spec)) == spec


def test_only() -> None:
    asked = RunConfig(only=("pid.*", "*.leak-*"))
    assert [asked.wants(one) for one in ("pid.x", "net.leak-out", "net.x")] == [True, True, False]
    assert RunConfig().wants("net.x")
    asked.check_only(["pid.x", "net.leak-out"])
    with pytest.raises(UsageError, match=r"'\*.leak-\*'.*--isolation-list"):
        asked.check_only(["pid.x"])


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--box", "dockr"], "did you mean 'docker'?"),
        (["--box", "host", "--box", "host"], "two boxes are called 'host'"),
        (["--box", "preset:proot", "--box", "preset:proot"], "two boxes are called 'proot'"),
        (["--isolation-only", "pid.*,,"], "an element is empty"),
        (["--isolation-report", "r.json"], "as in json:report.json"),
        (["--isolation-report", "xml:r.xml"], "expected one of badge, github, gitlab, html, json, md, sarif, svg"),
        (["--isolation-report", "json:"], "FORMAT:PATH"),
        (["--isolation-report", "json"], "FORMAT:PATH"),
        (["--isolation-report", "json:none/r.json"], "mkdir -p"),
        (["--isolation-report", "json:."], "is a directory"),
        (["--isolation-report", "json:r", "--isolation-report", "md:r"], "already"),
        (["--isolation-require", "hots"], "did you mean 'host'?"),
        (["--box", "host", "--isolation-require", "docker"], "this run has no box of that name"),
        (["--isolation-profile", "contaner"], "neither a profile"),
        (["--isolation-ask", "is it safe"], "expected one of run a coding agent, "),
        (["--isolation-ask", "run a service", "--isolation-profile", "vm"], "give one of the two"),
        (["--isolation-expect", "none.toml"], "no such file"),
        (["--isolation-examples", "0"], "from 1 to"),
        (["--isolation-examples", "many"], "from 1 to"),
        (["--isolation", "--isolation-jobs", "0"], "1 is serial"),
        (["--isolation", "--isolation-jobs", "two"], "'two'"),
        (["--isolation", "--isolation-jobs", "9999"], "from 1 to 999;"),
        (["--isolation-jobs", "2"], "add --isolation"),
        (["--isolation-since", "pyproject.toml"], "expected a JSON report"),
        (["--isolation", "--isolation-since", "missing.json"], "missing.json"),
        (["--isolation-host", "--isolation-require", "dokcer"], "did you mean 'docker'?"),
        (["--isolation-report", "json:-"], "the standard output has other words already"),
        (["--isolation-report", f"json:{'n' * 300}"], "File name too long; choose another path"),
        (["--isolation-report", f"json:{'n' * 250}"], "File name too long; choose another path"),
        (["--isolation-profile", "n" * 300], "neither a profile"),
        (["--isolation-expect", "n" * 300], "no such file"),
        (["--isolation", "--isolation-since", "n" * 300], "File name too long"),
        (["--isolation", "--isolation-costs", "--isolation-versions", f"{'n' * 300},b"], "no file that can be read"),
        (["--isolation-list", "--isolation-report", "md:r.md"], "with --isolation-list, which measures no box; leave"),
        (["--isolation-list", "--isolation-require", "docker"], "--isolation-require is given with --isolation-list"),
        (["--isolation-clean", "--isolation-only", "pid.*"], "--isolation-only is given with --isolation-clean"),
        (["--isolation-host", "--isolation-no-host"], "--isolation-no-host is given with --isolation-host"),
        (["--isolation-no-host"], "--isolation-no-host is given without --isolation"),
        (["--isolation-host", "--isolation-profile", "vm"], "--isolation-profile is given with --isolation-host"),
        (["--isolation-kernel", "k", "--isolation-only", "pid.*"], "--isolation-only is given with --isolation-kernel"),
    ],
    ids=" ".join,
)
def test_mistake(tmp_path: Path, argv: list[str], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolved(tmp_path, *argv)
    message = str(caught.value)
    assert told in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("option", "name", "text"),
    [
        ("--isolation-profile", "deep.toml", f"a = {'[' * 100_000}"),
        ("--isolation-expect", "deep.toml", f"a = {'[' * 100_000}"),
        ("--isolation-expect", "deep.json", "[" * 100_000),
        ("--isolation-since", "deep.json", "[" * 100_000),
    ],
)
def test_a_file_that_is_nothing_but_brackets(tmp_path: Path, option: str, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=f"{option} '{name}': .*recursion"):
        resolved(tmp_path, "--isolation", option, name)


def test_a_list_is_of_guarantees_that_there_are(tmp_path: Path) -> None:
    from pytest_isolation.suite.answers import listing

    with pytest.raises(UsageError, match=r"'pdi\.\*': no guarantee has such an id"):
        listing(resolved(tmp_path, "--isolation-list", "--box", "host", "--isolation-only", "pdi.*"))


def test_an_image_that_is_named_twice(tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    (tmp_path / "same").symlink_to("one")
    argv = [word for name in ("one", "./one", "same", "two") for word in ("--isolation-kernel", name)]
    assert resolved(tmp_path, *argv).kernels == (str(tmp_path / "one"), str(tmp_path / "two"))


def test_a_report_nobody_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match="cannot be written"):
        resolved(tmp_path, "--isolation-report", "json:r.json")


def project(place: Path, text: str) -> Path:
    (place / "pyproject.toml").write_text(text)
    return place


def test_boxes_of_the_project_are_measured_too(tmp_path: Path) -> None:
    project(tmp_path, '[tool.pytest_isolation.boxes.small]\ntechnology = "namespaces"\nmemory = "64M"\n')
    boxes = resolved(tmp_path).boxes
    assert [box.name for box in boxes] == [*names(), "small"]
    assert boxes[-1].memory == 64 << 20


def test_a_box_of_the_project_by_name(tmp_path: Path) -> None:
    project(tmp_path, '[tool.pytest_isolation.boxes.small]\ntechnology = "namespaces"\npids = 9\n')
    assert resolved(tmp_path, "--box", "small").boxes == (BoxSpec(technology="namespaces", name="small", pids=9),)
    with pytest.raises(UsageError, match=r"pyproject\.toml has the boxes small"):
        resolved(tmp_path, "--box", "smal")


def test_a_box_of_the_project_replaces_the_plain_one(tmp_path: Path) -> None:
    project(tmp_path, '[tool.pytest_isolation.boxes.host]\ntechnology = "host"\npids = 9\n')
    boxes = resolved(tmp_path).boxes
    assert sorted(box.name for box in boxes) == sorted(names())
    assert next(box for box in boxes if box.name == "host").pids == 9


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tool.pytest_isolation", "cannot be read as TOML"),
        ("[tool.pytest_isolation]\nboxs = 1\n", "did you mean 'boxes'?"),
        ("[tool.pytest_isolation]\nboxes = 1\n", "expected a table for each box"),
        ("[tool]\npytest_isolation = 1\n", "pytest_isolation is 1; expected [tool.pytest_isolation.boxes.NAME]"),
        (f"a = {'[' * 100_000}", "cannot be read as TOML"),
        ('[tool.pytest_isolation.boxes."a/b"]\ntechnology = "host"\n', "expected letters"),
        ('[tool.pytest_isolation.boxes.a]\ntechnology = "hots"\n', "did you mean 'host'?"),
    ],
)
def test_project_mistake(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolved(project(tmp_path, text))
    assert told in str(caught.value)
    assert "pyproject.toml" in str(caught.value)


HEAVY = (
    "hypothesis", "docker", "pyroute2", "qemu", "tarfile", "tomllib", "pytest_isolation.boxes", "yaml", "crossplane",
    "tree_sitter", "dulwich", "jsonschema", "jinja2",
)  # fmt: skip


def imported_by(code: str) -> list[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    return [name for name in told.stdout.split() if name.split(".")[0] in HEAVY or name in HEAVY]


def test_registering_the_options_imports_nothing_heavy() -> None:
    assert imported_by("import pytest_isolation.options") == []


def test_a_spec_imports_only_the_technology_it_names() -> None:
    code = "from pytest_isolation.options.boxes import parse; parse('host:memory=64M')"
    assert not {"docker", "hypothesis", "pyroute2", "qemu"} & set(imported_by(code))


def test_every_option_of_the_contract_has_help() -> None:
    words: dict[str, Any] = dict(OPTIONS)
    assert set(words) == {
        "--isolation", "--box", "--isolation-only", "--isolation-report", "--isolation-require", "--isolation-profile",
        "--isolation-ask", "--isolation-expect", "--isolation-examples", "--isolation-prove", "--isolation-list",
        "--isolation-host", "--isolation-kernel", "--isolation-clean", "--isolation-pairs", "--isolation-jobs",
        "--isolation-costs", "--isolation-costs-boxes", "--isolation-versions", "--isolation-since",
        "--isolation-depth", "--isolation-why", "--isolation-forget", "--isolation-flow", "--isolation-flow-seconds",
        "--isolation-no-host",
    }  # fmt: skip
    assert all(how["help"] for how in words.values())


@pytest.mark.parametrize("question", ["run untrusted code", " Run  untrusted code"])
def test_a_question_is_a_profile(tmp_path: Path, question: str) -> None:
    asked = resolved(tmp_path, "--isolation", "--isolation-ask", question)
    assert asked.profile is not None and asked.profile.name == "sandbox"


def test_every_profile_answers_a_question_of_its_own() -> None:
    from pytest_isolation.guarantees import profiles

    assert sorted(profiles.questions().values()) == sorted(profiles.names())
