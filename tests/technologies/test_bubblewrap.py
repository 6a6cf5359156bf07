"""bubblewrap's own keywords, and its errors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_isolation import BoxError, BoxSpec, Unavailable, UsageError
from pytest_isolation.agent.constants import CLONE
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.capabilities import number_of
from tests.support import need


@pytest.fixture(scope="module", autouse=True)
def _there() -> BoxSpec:
    return need("bubblewrap")


@pytest.mark.parametrize(("text", "allowed"), [("bubblewrap", True), ("bubblewrap:arguments=--disable-userns+", False)])
def test_arguments_are_passed_on(text: str, allowed: bool) -> None:
    lifetime = Lifetime()
    try:
        with technology("bubblewrap").launch(parse(text), lifetime) as box, box.spawn() as child:
            assert child.unshare(CLONE.NEWUSER).ok is allowed
    finally:
        lifetime.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="another user has no capability to keep")
def test_capabilities_are_kept_by_name() -> None:
    lifetime = Lifetime()
    try:
        with technology("bubblewrap").launch(parse("bubblewrap:cap_add=CHOWN+KILL"), lifetime) as box:
            text = Path(f"/proc/{box.parts.init_pid}/status").read_text()
        found = int(text.split("CapEff:")[1].split()[0], 16)
        assert found == 1 << number_of("CHOWN") | 1 << number_of("KILL")
    finally:
        lifetime.close()


def test_network_is_none_or_the_hosts() -> None:
    one = technology("bubblewrap")
    with pytest.raises(UsageError, match="network=bridge"):
        one.check_available(parse("bubblewrap:network=bridge"))
    lifetime = Lifetime()
    try:
        with one.launch(parse("bubblewrap:network=host"), lifetime) as box:
            assert os.readlink(f"/proc/{box.parts.init_pid}/ns/net") == os.readlink("/proc/self/ns/net")
    finally:
        lifetime.close()


def test_its_own_words_when_it_refuses() -> None:
    lifetime = Lifetime()
    try:
        with pytest.raises(BoxError, match=r"bwrap did not start the agent.*Unknown option --no-such-option"):
            technology("bubblewrap").launch(parse("bubblewrap:arguments=--no-such-option+"), lifetime)
    finally:
        lifetime.close()


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Unavailable, match="bwrap is not installed; apt install bubblewrap"):
        technology("bubblewrap").check_available(parse("bubblewrap"))
