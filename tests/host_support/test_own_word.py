"""Trials that other people's objects and settings led astray, and what the technologies say themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation.agent.constants import CLONE
from pytest_isolation.agent.shortcuts import read, write
from pytest_isolation.boxes.local import start_local
from pytest_isolation.report.run import TechnologyRow
from pytest_isolation.report.support import verdict
from pytest_isolation.support.explain import Finding
from pytest_isolation.support.kernel import Kernel, look
from pytest_isolation.support.own import Own, ask
from pytest_isolation.support.survey import survey
from pytest_isolation.support.technologies import Judged, judge, technologies
from pytest_isolation.support.trial import NOBODY, need

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root makes what the trials must not be led astray by")
OLD_KEY = 0x15AFE
CALL_IPTABLES = "/proc/sys/net/bridge/bridge-nf-call-iptables"


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """This one, below a process in IPC and network namespaces of its own."""
    with start_local() as local, local.proc.spawn() as proc:
        need(proc.unshare(CLONE.NEWIPC | CLONE.NEWNET))
        yield replace(look("running", proc), _read={})


def of(kernel: Kernel, feature: str, as_: str = "root") -> Finding:
    (found,) = survey(kernel, (as_,), only=(feature,))  # type: ignore[arg-type]
    return found.finding


def test_queues_of_others_are_left_alone(kernel: Kernel) -> None:
    """One of another user under the key that was once tried with: neither taken for a refusal nor removed."""
    queue = need(kernel.root.msgget(OLD_KEY, 0o1600)).value
    assert of(kernel, "ns.ipc").status == "works"
    assert need(kernel.root.msgget(OLD_KEY, 0)).value == queue
    assert of(kernel, "ns.ipc", "user").status == "works"


def test_a_setting_in_force_counts(kernel: Kernel) -> None:
    """A namespace made for the trial begins with 1; what boxes on this machine get is the host's."""
    if not Path(CALL_IPTABLES).exists():
        pytest.skip("br_netfilter is not loaded")
    assert of(kernel, "nf.bridge").status == "works"
    need(write(kernel.root, CALL_IPTABLES, b"0"))
    finding = of(replace(kernel, _read={}), "nf.bridge")
    assert (finding.status, finding.cause) == ("off", "sysctl net.bridge.bridge-nf-call-iptables = 0")
    assert finding.remedy == "sysctl -w net.bridge.bridge-nf-call-iptables=1"
    assert read(kernel.root, CALL_IPTABLES).data.strip() == b"0"


def judged(found: dict[str, Finding], **how: object) -> dict[str, Judged]:
    return {one.technology: one for one in judge(found, "root", programs=False, **how)}  # type: ignore[arg-type]


def test_a_technology_that_refuses_cannot_run() -> None:
    """Its word outweighs every trial that worked."""
    one = judged({}, own={"crun": Own("crun refuses this host", "boot otherwise"), "runc": Own()})
    assert (one["crun"].can_run, one["crun"].reason, one["crun"].remedies[0]) == (
        "no",
        "crun refuses this host",
        "boot otherwise",
    )
    assert one["runc"].can_run == "yes"


def test_a_start_decides_where_trial_and_technology_disagree() -> None:
    found = {"net.veth": Finding("not-built", "no veth"), "cg.memory": Finding("off", "switched off")}
    asked: list[str] = []

    def start(name: str) -> Own:
        asked.append(name)
        return Own() if name == "docker" else Own("it did not start")

    word = {"docker": Own(), "podman": Own(), "runc": Own()}
    one = judged(found, own=word, start=start)
    assert asked == ["docker", "podman"]  # nothing speaks against runc
    assert (one["docker"].can_run, one["docker"].lost) == ("partly", ("net.veth", "cg.memory"))
    assert (one["podman"].can_run, one["podman"].reason) == ("no", "it did not start")
    alone = judged(found)["docker"]
    assert (alone.can_run, alone.missing, alone.lost) == ("no", ("net.veth", "cg.memory"), ("cg.memory",))


def test_what_is_needed_is_told_apart_from_what_is_wanted() -> None:
    row = TechnologyRow(
        kernel="running", as_="root", technology="docker", can_run="no", missing=("net.veth", "cg.memory"),
        remedies=(), lost=("cg.memory",),
    )  # fmt: skip
    assert verdict(row) == "no, for want of net.veth"
    assert verdict(replace(row, reason="the daemon does not answer")) == "no: the daemon does not answer"
    assert verdict(replace(row, can_run="partly")) == "yes, without net.veth, cg.memory"


def test_an_ordinary_user_is_asked_as_one() -> None:
    """From a run as root: the same as the list of a run as that user says, and nothing is started."""
    said = ask([one.name for one in technologies()], "user")
    assert (said["chroot"].reason, said["chroot"].remedy) == ("chroot(2) needs CAP_SYS_CHROOT", "run as root")
    assert said["namespaces"].reason is None
    assert len(said) == len(technologies())
    assert [path for path in Path("/tmp").glob(f"pytest-isolation-{NOBODY}/*") if path.name != "lock"] == []
