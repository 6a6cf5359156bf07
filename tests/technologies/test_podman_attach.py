"""Podman's containers of somebody else's, root's and rootless: attached, measured, and left as they were."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_isolation import Unsupported, UsageError
from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.guarantees import claims
from pytest_isolation.guarantees.verdicts import Claim
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import inject, technology
from pytest_isolation.technologies.podman import attach
from tests.owners import HARDENED, Owner, attached, is_hardened, lent_by_a_killed_run, owner, refusal
from tests.support import guarantee_called

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="attaching is for root")


@pytest.fixture(scope="module", params=["podman", "podman-rootless"])
def theirs(request: pytest.FixtureRequest) -> Iterator[Owner]:
    with owner(request.param) as made:
        yield made


def test_a_hardened_container_is_measured_and_left_as_it_was(theirs: Owner) -> None:
    with theirs.running(*HARDENED) as name, theirs.left_alone(name), attached(theirs.box + name) as box:
        assert box.spec.attached
        is_hardened(box)
        assert box.enter().getuid().value == 1000
        mounted = Path(f"/proc/{box.parts.init_pid}/mountinfo").read_text()
        assert agent_binary().name not in mounted, "what was injected is taken away as soon as the agent runs"
        with pytest.raises(Unsupported, match="its own program"):
            _ = box.init


@pytest.mark.parametrize(
    "options", [pytest.param((), id="engine's-file"), pytest.param(("--read-only",), id="without-it")]
)
def test_what_a_killed_run_lent_is_taken_back(theirs: Owner, options: tuple[str, ...]) -> None:
    user = theirs.account.name if theirs.account else ""
    with theirs.running("--network=none", *options) as name, theirs.left_alone(name):
        handle = f"{name} {user}".strip()
        assert lent_by_a_killed_run(theirs.state(name)["Pid"], attach.TARGET) == (
            inject.SPARE if options else attach.TARGET
        )
        assert technology("podman").clean("injected", handle)
        assert not technology("podman").clean("injected", handle)


def test_its_facts_are_what_its_owner_asked_for(theirs: Owner) -> None:
    with theirs.running(*HARDENED, "--pid=host") as name:
        facts = technology("podman").facts(parse(theirs.box + name))
        assert facts["read_only"] is True
        assert (facts["pid"], facts["network"]) == ("host", "none")
        assert facts["rootless"] is (theirs.account is not None)


OPENED = ("--network=slirp4netns:allow_host_loopback=true", "--uidmap=0:100000:65536", "--gidmap=0:100000:65536")


@pytest.mark.parametrize(("options", "opened"), [(OPENED, True), (("--network=none",), False)])
def test_what_its_owner_opened_is_not_promised(options: tuple[str, ...], opened: bool) -> None:
    with owner("podman") as theirs, theirs.running(*options) as name:
        box = parse(theirs.box + name)
        facts = technology("podman").facts(box)
    assert (facts["own_users"], facts["host_loopback"]) == (opened, opened)
    for guarantee in ("port.layer-semantics.owners", "net.host-loopback-unreachable", "net.ipv6-parity"):
        claim = claims.resolve(guarantee_called(guarantee), box, facts=facts).claim
        assert claim is (Claim.DISCLAIMED if opened else Claim.PROMISED)


def test_the_sibling_is_a_plain_box_of_ours() -> None:
    with owner("podman") as theirs, theirs.running("--network=none") as name, attached(theirs.box + name) as box:
        assert box.sibling.proc.getpid().value == 1


def test_what_cannot_be_attached_is_one_paragraph(theirs: Owner) -> None:
    podman = technology("podman")
    said = refusal(f"{theirs.box}no-such")
    assert "no container 'no-such'" in said
    assert "\n" not in said
    with pytest.raises(UsageError, match="a running container is as it is"):
        podman.check_available(parse(f"{theirs.box}any,cap_add=ALL"))
    with theirs.running("--network=none") as name:
        with pytest.raises(Unsupported, match="memory"), attached(f"{theirs.box}{name},memory=64M"):
            pass
        theirs("kill", name)
        theirs("wait", name)
        assert "not running" in refusal(theirs.box + name)
        theirs("start", name)


def test_one_user_does_not_find_the_containers_of_another() -> None:
    with owner("podman") as root, owner("podman-rootless") as user, user.running("--network=none") as name:
        assert "another user's needs rootless=true" in refusal(root.box + name)
