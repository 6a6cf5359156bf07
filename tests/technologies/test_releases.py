"""What releases that are not installed here take and refuse: as data, and by the start of what is installed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pytest_isolation import BoxSpec, Unavailable, weaken
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.lxc import configuration
from pytest_isolation.technologies.nspawn import check_control_groups
from pytest_isolation.technologies.podman import releases
from tests.support import need


def written(version: str) -> list[str]:
    """The keys of a configuration for that LXC."""
    spec = BoxSpec(technology="lxc", memory=64 * MIB, pids=20, cpus=0.5).weakened(weaken.drop("devices"))
    text = configuration.Configuration(
        handed=(),
        spec=spec,
        ids=None,
        root=Path("/root-of-it"),
        agent="/agent",
        guard="guard",
        version=version,
        volumes={},
    ).text()
    return re.findall(r"^(lxc\.cgroup2?\.\S+)", text.decode(), re.MULTILINE)


@pytest.mark.parametrize("version", ["7.0.0", "10.1"])
def test_lxc_of_today_is_given_no_keys_of_v1(version: str) -> None:
    keys = [key for key in written(version) if not key.startswith("lxc.cgroup.dir.")]
    assert [key for key in keys if not key.startswith("lxc.cgroup2.")] == []
    assert "lxc.cgroup2.devices.allow" in keys


@pytest.mark.skipif(cgroups.mode() in ("v2", "none"), reason="keys of v1 are for its controllers")
def test_lxc_of_before_is_told_limits_on_v1() -> None:
    assert {"lxc.cgroup.memory.limit_in_bytes", "lxc.cgroup.devices.allow"} <= set(written("6.0.4"))


@pytest.mark.skipif(os.geteuid() != 0, reason="limits are root's here")
def test_limits_that_lxc_cannot_be_told(run: Lifetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is here, treated as one that takes no key of v1: the limits are on the host's files all the same."""
    need("lxc")
    monkeypatch.setattr(configuration, "NO_V1_KEYS", 1)
    spec = BoxSpec(technology="lxc", memory=64 * MIB, pids=20, cpus=0.5)
    with technology("lxc").launch(spec, run) as box:
        group = box.parts.group
        assert group is not None
        for name, v1, v2 in (("memory", "memory.limit_in_bytes", "memory.max"), ("pids", "pids.max", "pids.max")):
            file = group.file(name, v1, v2)
            assert file is not None
            assert file.read_text().strip() == str(64 * MIB if name == "memory" else 20)
        assert box.parts.init_pid in group.pids()
        assert any("sets no limits" in note for note in box.parts.notes) == (cgroups.mode() != "v2")


@pytest.mark.parametrize(
    ("said", "mode", "refused"),
    [
        ("systemd 262 (262.1-1)", "hybrid", "262 needs control groups v2 alone, and this host's are hybrid"),
        ("systemd 258~rc1 (258~rc1-1)", "v1", "258 needs control groups v2 alone, and this host's are of version 1"),
        ("systemd 257 (257.9-1~deb13u1)", "hybrid", ""),
        ("systemd 252 (252.38-1~deb12u1)", "v1", ""),
        ("systemd 262 (262.1-1)", "v2", ""),
    ],
)
def test_nspawn_by_release(said: str, mode: str, refused: str) -> None:
    if not refused:
        return check_control_groups(said, mode)
    with pytest.raises(Unavailable, match=refused) as error:
        check_control_groups(said, mode)
    assert "unified_cgroup_hierarchy=1" in error.value.remedy


def info(version: str, backend: str = "netavark") -> dict[str, dict[str, str]]:
    """As much of `podman info` as is looked at."""
    return {"version": {"Version": version}, "host": {"networkBackend": backend}}


def test_podman_by_release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    releases.check_control_groups(info("5.8.6"), "hybrid")
    releases.check_control_groups(info("6.0.1"), "v2")
    with pytest.raises(Unavailable, match=r"Podman 6\.0\.1 needs control groups v2, and this host's are hybrid"):
        releases.check_control_groups(info("6.0.1"), "hybrid")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(releases, "PLACES", ())
    for served in (info("4.3.1"), info("5.8.6", "cni")):
        releases.check_firewall(served)
    with pytest.raises(Unavailable, match="makes its networks with nft, which is not installed") as error:
        releases.check_firewall(info("5.8.6"))
    assert "apt install nftables" in error.value.remedy
    (tmp_path / "nft").write_text("#!/bin/sh\n")
    (tmp_path / "nft").chmod(0o755)
    releases.check_firewall(info("5.8.6"))


def test_the_firewall_that_podman_is_configured_for(tmp_path: Path) -> None:
    """containers.conf(5): a later file counts more, and one that cannot be read counts nothing."""
    (tmp_path / "one").write_text('[network]\nfirewall_driver = "nftables"\n')
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "50.conf").write_text('[network]\nfirewall_driver = "iptables"\n')
    (tmp_path / "conf.d" / "60.conf").write_text("no toml [")
    places = tuple(str(tmp_path / name) for name in ("none", "one", "conf.d"))
    assert releases.firewall_driver(places) == "iptables"
    assert releases.firewall_driver(places[:2]) == "nftables"
    assert releases.firewall_driver(places[:1]) == ""
