"""systemd-nspawn's own keywords, holes and errors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_isolation import BoxError, Unavailable, UsageError, weaken
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.guarantees import claims
from pytest_isolation.guarantees.verdicts import Claim
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.capabilities import number_of
from tests.proc import status
from tests.support import guarantee_called, need

ONE = technology("nspawn")


@pytest.fixture(autouse=True)
def _there() -> None:
    need("nspawn")


def own(pid: int | None, kind: str) -> bool:
    return os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")


@pytest.mark.parametrize(
    ("text", "network", "users"),
    [
        ("nspawn", False, False),
        ("nspawn:network=none", True, False),
        ("nspawn:private_network=true", True, False),
        ("nspawn:private_users=pick", False, True),
        ("nspawn:private_users=identity,private_network=true", True, True),
        ("nspawn:private_users=131072:65536", False, True),
    ],
)
def test_network_and_users(run: Lifetime, text: str, network: bool, users: bool) -> None:
    spec = parse(text)
    facts = ONE.facts(spec)
    assert (facts["own_network"], facts["own_users"]) == (network, users)
    with ONE.launch(spec, run) as box:
        assert box.alive
        assert (own(box.parts.init_pid, "net"), own(box.parts.init_pid, "user")) == (network, users)
    said = claims.resolve(guarantee_called("net.only-declared-ports"), spec, facts=facts)
    assert (said.claim is Claim.PROMISED) is network
    said = claims.resolve(guarantee_called("pid.signal-out-refused"), spec, facts=facts)
    assert (said.claim is Claim.PROMISED) is users


def test_capabilities(run: Lifetime) -> None:
    with ONE.launch(parse("nspawn:capability=SYS_TIME+,drop_capability=SYS_ADMIN+CAP_KILL"), run) as box:
        found = int(status(box.parts.init_pid, "CapEff"), 16)
    assert found >> number_of("SYS_TIME") & 1
    assert not found >> number_of("SYS_ADMIN") & 1
    assert not found >> number_of("KILL") & 1


def test_the_filter_can_be_left_out(run: Lifetime) -> None:
    with ONE.launch(parse("nspawn"), run) as box:
        assert status(box.parts.init_pid, "Seccomp") == "2"
    with ONE.launch(parse("nspawn").weakened(weaken.drop("seccomp")), run) as box:
        assert status(box.parts.init_pid, "Seccomp") == "0"


def test_the_masks_can_be_left_out(run: Lifetime) -> None:
    def read_only() -> bool:
        lines = Path(f"/proc/{box.parts.init_pid}/mountinfo").read_text().splitlines()
        found = [line.split()[5] for line in lines if line.split()[4] == "/proc/sys"]
        return any("ro" in one.split(",") for one in found)

    with ONE.launch(parse("nspawn"), run) as box:
        assert read_only()
    with ONE.launch(parse("nspawn").weakened(weaken.drop("masks")), run) as box:
        assert not read_only()


def test_its_state_is_put_away(run: Lifetime) -> None:
    places = [Path("/run/systemd/nspawn", name) for name in ("propagate", "locks")]

    def state() -> set[str]:
        found = {name for place in places if place.is_dir() for name in os.listdir(place)}
        return {name for name in found if run.run_id in name or name.startswith("inode-")}

    before = state()
    with ONE.launch(parse("nspawn"), run):
        assert len(state() - before) == 1
    assert state() <= before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nspawn:private_users=perhaps", "private_users=perhaps"),
        ("nspawn:private_network=perhaps", "private_network=perhaps"),
        ("nspawn:network=bridge", "network=bridge"),
        ("nspawn:network=host,private_network=true", "contradict"),
    ],
)
def test_a_value_that_is_none(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        ONE.check_available(parse(text))


def test_its_own_words(run: Lifetime) -> None:
    with pytest.raises(BoxError, match=r"systemd-nspawn did not start the agent.*Failed to parse capability"):
        ONE.launch(parse("nspawn:capability=FLY+"), run)


def test_who_is_not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="is for root; run as root"):
        ONE.check_available(parse("nspawn"))
