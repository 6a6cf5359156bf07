"""Who opens the host's own loopback to a container: the command, or the owner's containers.conf."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_isolation.technologies.podman.loopback import opened


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (None, False),
        ("slirp4netns", False),
        ("slirp4netns:mtu=1500,allow_host_loopback=true", True),
        ("slirp4netns:allow_host_loopback=1", True),
        ("slirp4netns:allow_host_loopback=true,allow_host_loopback=false", False),
        ("pasta", False),
        ("pasta:--map-gw", True),
        ("pasta:--map-gw,--no-map-gw", False),
        ("pasta:--map-host-loopback,192.0.2.1", True),
        ("pasta:--map-host-loopback=none", False),
        ("pasta:-T,auto", True),
        ("pasta:-T5000", True),
        ("pasta:--tcp-ns=5000", True),
        ("pasta:-t,5000", False),
        ("pasta:-T,none", False),
        ("bridge", False),
    ],
)
def test_by_the_command(network: str | None, expected: bool, tmp_path: Path) -> None:
    assert opened(network, rootless=True, environ={"CONTAINERS_CONF": str(tmp_path / "none")}) is expected


CONFIGURED = [
    ('[engine]\nnetwork_cmd_options = ["allow_host_loopback=true"]', "slirp4netns"),
    ('[network]\npasta_options = ["-T", "auto"]', "pasta"),
]


@pytest.mark.parametrize(("text", "mode"), CONFIGURED)
def test_by_the_owners_configuration(text: str, mode: str, tmp_path: Path) -> None:
    """Of the engine's user, not of who asks; and for the network that it is about."""
    file = tmp_path / ".config/containers/containers.conf"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    home = str(tmp_path)
    assert opened(mode, rootless=True, home=home)
    assert opened(None, rootless=True, home=home)
    assert not opened(None, rootless=False, home=home)
    assert not opened("none", rootless=True, home=home)
    assert not opened({"slirp4netns": "pasta", "pasta": "slirp4netns"}[mode], rootless=True, home=home)
    closing = "slirp4netns:allow_host_loopback=false" if mode == "slirp4netns" else "pasta:-T,none"
    assert not opened(closing, rootless=True, home=home)
    drop_in = tmp_path / ".config/containers/containers.conf.d/one.conf"
    drop_in.parent.mkdir()
    other = {"slirp4netns": "pasta", "pasta": "slirp4netns"}[mode]
    drop_in.write_text(f'[network]\ndefault_rootless_network_cmd = "{other}"')
    assert not opened(None, rootless=True, home=home)
