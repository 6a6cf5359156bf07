"""The features of the kernel the tests run on."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import AgentLost
from pytest_isolation.report.run import SupportRow, TechnologyRow
from pytest_isolation.suite.boxes import candidate
from pytest_isolation.suite.support import of_this_host
from pytest_isolation.support.disks import loop_device
from pytest_isolation.support.feature import features
from pytest_isolation.support.kernel import look
from pytest_isolation.support.technologies import technologies
from pytest_isolation.support.trial import Trial, wait_until
from tests.host_support.quiet import MYSELF as QUIET
from tests.runs import run, run_as_nobody

ROOT = os.geteuid() == 0
PODMANS = [
    f"file: {path} was left behind"
    for path in ("/dev/shm/libpod_lock", "/run/containers", "/run/crun", "/run/libpod", "/run/user")
]
# Its own mount, taken away by the first that finds no /run of its own: the quiet place has a new one.
PODMANS.append("mount: /var/lib/containers/storage/overlay /var/lib/containers/storage/overlay is gone")
"""What every command of Podman makes that is the first since the machine has booted, `podman info` too."""
WITNESS = re.compile(r"loop device: loop\d+ of /memfd:pytest-isolation-")
"""A check's, in a test that another worker runs: loop devices are in no namespace (outside/objects/devices.py)."""


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


def test_one_answer_to_what_can_run(host: tuple[tuple[SupportRow, ...], tuple[TechnologyRow, ...]]) -> None:
    """The list of boxes and host support: the technology's own word for both."""
    mine = {row.technology: row for row in host[1] if (row.as_ == "root") == ROOT}
    listed = {name: candidate(BoxSpec(technology=name)) for name in mine}
    assert {name for name, row in mine.items() if row.can_run == "no"} == {
        name for name, one in listed.items() if not one.available
    }
    assert {name: one.reason for name, one in listed.items() if one.reason} == {
        name: row.reason for name, row in mine.items() if row.can_run == "no"
    }


@pytest.mark.skipif(not ROOT, reason="as a user: test_an_ordinary_user")
def test_what_cannot_run_here_and_is_required_is_red(
    host: tuple[tuple[SupportRow, ...], tuple[TechnologyRow, ...]], tmp_path: Path
) -> None:
    """red: of a runtime that refuses this host, whose program is there, it was said that it can run."""
    refusing = [row.technology for row in host[1] if (row.as_, row.can_run) == ("root", "no") and row.reason]
    if not refusing:
        pytest.skip("nothing refuses this host")
    done = run(tmp_path / "here", "--isolation-host", f"--isolation-require={refusing[0]}", timeout=60)
    assert done.code == 1
    done.said(f"{refusing[0]} cannot run (running kernel, as root): ", "FAILED")


def test_the_host_alone(tmp_path: Path) -> None:
    """A verdict in time."""
    started = time.monotonic()
    done = run(tmp_path / "here", "--isolation-host", timeout=60)
    assert done.code == 0
    done.said("host support: which technologies this kernel can run", "the configuration says otherwise")
    assert re.search(r"\d+ features, of which work: .*: passed", " ".join(done.out.split()))
    assert {row["technology"] for row in done.report["technologies"]} >= {"docker", "podman", "gvisor", "qemu", "lxc"}
    assert done.report["results"] == []
    assert time.monotonic() - started < 30


@pytest.mark.skipif(not ROOT, reason="a namespace of every kind is root's")
def test_nothing_of_the_host_is_changed(tmp_path: Path) -> None:
    """The whole fingerprint, where nobody else can change it: groups, controllers, mounts, links, sysctls, modules."""
    asked = [sys.executable, "-m", "pytest", "--isolation-host", f"--isolation-report=json:{tmp_path}/report.json"]
    done = subprocess.run(
        [*QUIET, str(tmp_path), *asked],
        cwd=Path(__file__).parents[2],
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads((tmp_path / "report.json").read_text())
    works = {row["feature"] for row in report["support"] if row["status"] == "works" and row["as"] == "root"}
    assert len(works) >= 90  # it was not the quiet place that left nothing to change
    changed = done.stdout.partition("changed:\n")[2].splitlines()
    assert [line for line in changed if line not in PODMANS and not WITNESS.search(line)] == [], done.stdout[-3000:]
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"report.json", "pytest-isolation-0", "pytest-isolation-0/lock"}  # the register of runs is empty


@pytest.mark.skipif(not ROOT, reason="a loop device is root's")
def test_a_killed_trial_leaves_no_loop_device() -> None:
    """SIGKILL while a device is attached: the kernel detaches it."""
    if not Path("/dev/loop-control").exists():
        pytest.skip("this kernel has no loop devices, or this container may not see them")
    local = start_local()
    trial = Trial(look("running", local.proc), local.proc, "root")
    held = loop_device(trial)
    number, _ = held.__enter__()
    backing = Path(f"/sys/block/loop{number}/loop/backing_file")
    assert "disk" in backing.read_text()
    local.process.kill()
    local.process.wait()
    assert wait_until(lambda: not backing.exists())
    with pytest.raises(AgentLost):
        held.__exit__(None, None, None)


@pytest.mark.skipif(not ROOT, reason="the three answers of KVM are root's where users may not open it")
def test_kvm_has_three_answers(host: tuple[tuple[SupportRow, ...], tuple[TechnologyRow, ...]]) -> None:
    """Opened, runs code, boots a guest: each needs the one before, and the last says why not."""
    opened, runs, boots = (
        row
        for name in ("virt.kvm", "virt.kvm-runs", "virt.kvm-boots")
        for row in host[0]
        if (row.feature, row.as_) == (name, "root")
    )
    if boots.status == "works":
        assert runs.status == "works"
    if runs.status == "works":
        assert opened.status == "works"
        assert boots.status == "works" or "no guest boots on it" in (boots.cause or "")
    missing = next(row.missing for row in host[1] if (row.technology, row.as_) == ("qemu", "root"))
    assert ("virt.kvm-boots" in missing) == (boots.status != "works")


@pytest.mark.skipif(not ROOT or not shutil.which("setpriv"), reason="becoming another user needs root")
def test_an_ordinary_user() -> None:
    """All of it, with a required technology that needs root: each refusal says why, and what this user can do."""
    done = run_as_nobody("--isolation-host", "--isolation-require=cgroup", timeout=60)
    assert done.code == 1
    done.said("cgroup cannot run (running kernel, as user): this user may not make control groups", "FAILED")
    runs = {row["technology"]: row["can_run"] for row in done.report["technologies"]}
    assert (runs["chroot"], runs["nspawn"], runs["namespaces"]) == ("no", "no", "partly")
    if shutil.which("lxc-start"):
        assert runs["lxc"] == "partly"  # it starts, without limits
    support = done.report["support"]
    assert {row["as"] for row in support} == {"user"}
    assert len([row for row in support if row["status"] != "unknown"]) >= 90
    assert [row["feature"] for row in support if row["status"] != "works" and not row["cause"]] == []
    refused = {row["feature"]: row["remedy"] or "" for row in support if row["status"] == "refused"}
    assert refused["fs.chroot"] == "run as root"
    assert [id for id, remedy in refused.items() if "run as root" not in remedy and "usermod" not in remedy] == []
    for row in support:
        if row["remedy"] and row["remedy"].startswith(("sysctl", "modprobe", "mount", "mkdir", "apt", "usermod")):
            pytest.fail(f"only root can follow {row['remedy']!r}, and it does not say so")
