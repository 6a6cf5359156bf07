"""The features of the kernel the tests run on."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.report.run import SupportRow, TechnologyRow
from pytest_isolation.suite.support import of_this_host
from pytest_isolation.support.feature import features
from pytest_isolation.support.technologies import technologies
from tests.runs import run, run_as_nobody

ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def host() -> Iterator[tuple[tuple[SupportRow, ...], tuple[TechnologyRow, ...]]]:
    lifetime = Lifetime()
    try:
        yield of_this_host(lifetime)
    finally:
        lifetime.close()


def test_every_feature_has_a_verdict_and_a_reason(
    host: tuple[tuple[SupportRow, ...], tuple[TechnologyRow, ...]],
) -> None:
    support, judged = host
    users = ("root", "user") if ROOT else ("user",)
    assert [(row.as_, row.feature) for row in support] == [(as_, one.id) for as_ in users for one in features()]
    assert len(features()) >= 90
    assert [row.feature for row in support if row.status != "works" and not row.cause] == []
    assert [(row.as_, row.technology) for row in judged] == [(as_, one.name) for as_ in users for one in technologies()]


@pytest.mark.skipif(not ROOT, reason="as root the rows have two columns to compare")
def test_root_can_do_what_a_user_can(host: tuple[tuple[SupportRow, ...], tuple[TechnologyRow, ...]]) -> None:
    works = {
        as_: {row.feature for row in host[0] if row.as_ == as_ and row.status == "works"} for as_ in ("root", "user")
    }
    assert works["user"] - works["root"] == set()


def test_the_host_alone(tmp_path: Path) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    done = run(tmp_path / "here", "--isolation-host", timeout=60)
    assert done.code == 0
    done.said("host support: which technologies this kernel can run", "the configuration says otherwise")
    assert re.search(r"\d+ features, of which work: .*: passed", done.out)
    assert {row["technology"] for row in done.report["technologies"]} >= {"docker", "podman", "gvisor", "qemu", "lxc"}
    assert done.report["results"] == []
    assert Path("/proc/self/mountinfo").read_text() == before


@pytest.mark.skipif(not ROOT or not shutil.which("setpriv"), reason="becoming another user needs root")
def test_a_required_technology_that_cannot_run() -> None:
    done = run_as_nobody("--isolation-host", "--isolation-require=cgroup", timeout=60)
    assert done.code == 1
    done.said("cgroup cannot run (running kernel, as user): for want of cg.group", "FAILED")
    assert {row["as"] for row in done.report["support"]} == {"user"}
