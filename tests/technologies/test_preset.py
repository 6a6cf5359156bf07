"""Sandboxes by name: each that can run here starts, and what is said of the others."""

from __future__ import annotations

import os
import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from pytest_isolation import Box, BoxSpec, Unavailable, Unsupported, UsageError
from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.network.netlink import DUMP, NETLINK_ROUTE, REQUEST, ask, message
from pytest_isolation.technologies import preset, technology
from tests.owners import measured

INSTALLED = (
    "bubblewrap", "firejail", "charliecloud", "proot", "schroot", "buildah", "unshare", "setpriv", "landlock",
    "sandlock",
)  # fmt: skip
"""What dev/setup brings; a preset that is not in here is skipped where its program is not installed."""
OTHER_USER = ("setpriv",)
NO_NAMESPACES = ("setpriv", "landlock", "sandlock", "proot", "schroot", "buildah")


def launched(run: Lifetime, name: str) -> Box:
    """Skips where the sandbox cannot be started, and not in CI, where dev/setup has brought it."""
    try:
        return technology("preset").launch(parse(f"preset:{name}"), run)
    except Unavailable as error:
        if name in INSTALLED and os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.mark.parametrize("name", preset.table())
def test_it_starts(run: Lifetime, name: str) -> None:
    spec = parse(f"preset:{name}")
    if name in OTHER_USER and not all(parent.stat().st_mode & 0o001 for parent in agent_binary().parents):
        pytest.skip("another user cannot come to where the agent is installed")
    if os.geteuid() != 0 and name in ("setpriv", "unshare"):
        pytest.skip("this preset gives up what root has")
    with launched(run, name) as box:
        facts = technology("preset").facts(spec)
        assert facts["version"][0].isdigit()
        assert facts["source"]
        pid = box.parts.init_pid
        assert pid is not None
        own = os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid")
        assert own is (name not in (*NO_NAMESPACES, "charliecloud"))


def test_the_table_says_everything() -> None:
    for known in preset.table().values():
        told = {one.name: getattr(known, one.name) for one in fields(known) if one.default is MISSING}
        assert all(told.values()), told
        words = " ".join(known.command)
        assert "{agent}" in words or (known.own_root and "/agent" in words)


def test_who_says_what_a_sandbox_is_not_for_is_named() -> None:
    said = {name: known.not_for for name, known in preset.table().items()}
    assert {name: one for name, one in said.items() if not re.search(r"\w\(\d\)|README|our reading: ", one)} == {}


def test_the_page_has_each_preset() -> None:
    page = (Path(__file__).parents[2] / "docs" / "technologies" / "preset.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| ([\w.]+) \|[^|]*\|$", page, re.MULTILINE)
    assert dict(rows) == {name: known.tried for name, known in preset.table().items()}


def test_what_is_no_preset() -> None:
    with pytest.raises(UsageError, match="'firejial' is not known; expected one of bubblewrap, firejail"):
        technology("preset").check_available(parse("preset:firejial"))
    with pytest.raises(Unavailable, match="no preset was named; name one: --box preset:NAME"):
        technology("preset").check_available(BoxSpec(technology="preset"))
    with pytest.raises(Unsupported, match="read_only: the sandbox decides that"):
        technology("preset").check_available(parse("preset:unshare,read_only=true"))


@pytest.mark.parametrize("name", [known.name for known in preset.table().values() if known.command[0] != "{python}"])
def test_what_is_not_installed_is_told_with_what_brings_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/no/such/directory")
    with pytest.raises(Unavailable, match="is not installed") as caught:
        technology("preset").check_available(parse(f"preset:{name}"))
    assert caught.value.remedy == preset.table()[name].install


def test_a_sandbox_that_does_not_start_is_unavailable(run: Lifetime, monkeypatch: pytest.MonkeyPatch) -> None:
    known = preset.table()["unshare"]
    wrong = preset.Known(
        "broken", ("sh", "-c", "echo no user namespaces here >&2; exit 1", "{agent}"), known.install, known.source,
        known.tried, known.purpose, known.not_for,
    )  # fmt: skip
    monkeypatch.setattr(preset, "table", lambda: {"broken": wrong})
    with pytest.raises(Unavailable, match=r"preset broken does not start here: .*no user namespaces here") as caught:
        technology("preset").launch(parse("preset:broken"), run)
    assert caught.value.remedy == known.install


def test_it_is_judged_by_the_profile_of_agents() -> None:
    """An id of profile agent is required, and one that only profile container asks is not."""
    rows = measured({"open": "preset:landlock"}, "mnt.host-unwritable", "pid.init-is-one", profile=None, examples=3)
    assert rows["open", "pid.init-is-one"]["required_by"] is None
    assert rows["open", "mnt.host-unwritable"]["required_by"] == "profile:agent"


SUPERVISED = ("pid.host-processes-hidden", "pid.siblings-hidden", "net.host-interfaces-hidden")


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else can send in the network of a box to be heard there")
def test_a_network_that_is_down_and_a_supervisor_are_no_trouble(run: Lifetime) -> None:
    """Of unshare nobody raises the loopback; sandlock lists who has opened something, and answers late."""
    launched(run, "sandlock").close()
    boxes = {"down": "preset:unshare", "few": "preset:sandlock"}
    rows = measured(boxes, "net.packet-socket", *SUPERVISED, profile=None, examples=4)
    down = rows["down", "net.packet-socket"]
    assert down["verdict"] == "unsupported"
    assert "the loopback of the box's network is down" in down["reason"]
    assert {one: rows["few", one]["verdict"] for one in SUPERVISED} == {
        "pid.host-processes-hidden": "holds",
        "pid.siblings-hidden": "holds",
        "net.host-interfaces-hidden": "holds",
    }


def test_an_answer_by_netlink_that_comes_late_is_waited_for(run: Lifetime) -> None:
    """sandlock answers in the kernel's place, when sendto(2) has returned."""
    with launched(run, "sandlock") as box:
        answers = [ask(box.proc, NETLINK_ROUTE, message(18, REQUEST | DUMP, bytes(16))) for _ in range(20)]
        assert [answer for answer in answers if b"lo" not in answer] == []


def test_a_program_that_a_shell_starts_is_asked_for_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command of schroot begins with unshare(1), which is everywhere."""
    (tmp_path / "unshare").symlink_to("/usr/bin/unshare")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="schroot is not installed; apt install schroot"):
        technology("preset").check_available(parse("preset:schroot"))


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone starts these")
@pytest.mark.parametrize("name", ["schroot", "buildah"])
def test_what_a_shell_starts_leaves_nothing(run: Lifetime, name: str) -> None:
    """No mount of its configuration, and no storage."""
    with launched(run, name) as box:
        assert box.proc.getpid().ok
        made = set(run.directory.iterdir())
    assert not any(one.exists() for one in made if one.is_dir() and one.name.startswith(("root-", "scratch-")))
    mounts = Path("/proc/self/mountinfo").read_text()
    assert "schroot" not in mounts and run.run_id not in mounts
