"""Directories of the host in a machine: by virtiofs, and by 9p with each of its security models."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec, Volume
from pytest_isolation.boxes.unpack import observed
from pytest_isolation.boxes.weakenings import drop
from pytest_isolation.errors import IsolationError, Unavailable, UsageError
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.machines import kernels
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.qemu import Qemu, share
from tests.support import built_in_checks, need, new_pool

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners of files, and the daemon of virtiofs, are root's")
BOTH = (Volume(target="/volume"), Volume(target="/deep/down", read_only=True))
MS_REMOUNT = 32

ASKED = (
    "port.volume-links", "port.volume-modes", "port.volume-owners", "port.volume-xattrs",
    "vol.nothing-beside", "mnt.bind-ro", "mnt.bind-rro-recursive", "mnt.ro-remount-refused",
    "vol.setuid-program-not-left", "vol.device-not-left", "vol.capable-program-not-left", "vol.roots-file-not-left",
    "vol.read-only-sockets-closed", "vol.read-only-fifos-closed", "vol.read-only-locks-apart",
    "vol.read-only-watches-apart", "leak.host-paths",
)  # fmt: skip
AS_ROOT = {"vol.setuid-program-not-left", "vol.roots-file-not-left"}
BREAKS = {
    "virtiofs": AS_ROOT | {"vol.device-not-left", "vol.capable-program-not-left", "mnt.ro-remount-refused"},
    "9p-passthrough": AS_ROOT,
    "9p-none": AS_ROOT,
    "9p-mapped-xattr": {"port.volume-links", "vol.roots-file-not-left"},
    "9p-mapped-file": {"port.volume-links", "vol.roots-file-not-left"},
}
"""How directories are handed in -> what a machine of QEMU 7.2 then breaks of ASKED: docs/technologies/qemu.md."""


@pytest.fixture(scope="module")
def spec() -> BoxSpec:
    asked = replace(need("qemu"), options=(("accel", "tcg"), ("share", "virtiofs")))
    try:
        Qemu().check_available(asked)
    except Unavailable as error:
        pytest.skip(str(error))  # since Debian 13 the daemon is a package of its own
    return asked


def test_what_the_host_has_is_there_and_what_the_box_makes_arrives(spec: BoxSpec, lifetime: Lifetime) -> None:
    tree = Image((Entry(path=b"own", kind="file", data=b"x", uid=1234, gid=5, mode=0o640, xattrs=(("user.a", b"b"),)),))
    handed = (replace(BOTH[0], tree=tree), BOTH[1])
    with technology("qemu").launch(replace(spec, volumes=handed), lifetime) as box:
        (look,) = observed(box.proc, b"/volume").values()
        assert (look.uid, look.gid, look.mode, look.xattrs) == (1234, 5, 0o640, (("user.a", b"b"),))
        (box.parts.volumes["/deep/down"] / "host").write_text("of the host")
        assert box.proc.openat(AT_FDCWD, "/deep/down/host", os.O_WRONLY).errno == 30  # EROFS
        assert box.read_file("/deep/down/host") == b"of the host"
        box.write_file("/volume/made", b"of the box", 0o4755)
        made = box.parts.volumes["/volume"] / "made"
        assert made.read_bytes() == b"of the box" and stat.S_IMODE(made.stat().st_mode) == 0o4755
        daemons = [one for one in psutil.process_iter() if "virtiofsd" in one.name()]
        ours = [one for one in daemons if f"source={box.parts.volumes['/volume']},xattr" in one.cmdline()]
        assert ours and box.parts.group is not None and ours[0].pid in box.parts.group.pids()
        directory = box.parts.volumes["/volume"]
    assert not directory.exists()
    _, alive = psutil.wait_procs(ours, timeout=10)
    assert not alive, "the daemon outlived the machine"


def test_read_only_is_the_guests_own_word_with_this_virtiofsd(spec: BoxSpec, lifetime: Lifetime) -> None:
    with technology("qemu").launch(replace(spec, volumes=BOTH[1:]), lifetime) as box:
        made = box.parts.volumes["/deep/down"] / "made"
        assert box.proc.openat(AT_FDCWD, "/deep/down/made", os.O_CREAT | os.O_WRONLY, 0o600).errno == 30
        box.proc.mount(None, "/deep/down", None, MS_REMOUNT)
        opened = box.proc.openat(AT_FDCWD, "/deep/down/made", os.O_CREAT | os.O_WRONLY, 0o600)
        assert opened.ok == made.exists() == (not share._knows(share._daemon(), "--readonly"))


def test_a_volume_that_was_writable_is_so_after_the_check(spec: BoxSpec, lifetime: Lifetime) -> None:
    """red: read-only, and the next control in this box stayed silent."""
    promise, test = next(one for one in built_in_checks() if one[0].id == "mnt.ro-remount-refused")
    asked = replace(spec, volumes=(Volume(target="/volume", read_only=True),)).weakened(drop("read-only"))
    with technology("qemu").launch(asked, lifetime) as box:
        for seed in range(3):
            ran = run_property(promise, test, box, examples=5, seed=seed, phases=PROVING)
            assert ran.violation is not None, ran
        box.write_file("/volume/made", b"x", 0o600)


def test_a_way_that_cannot_be_had_is_told(spec: BoxSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="share=nfs: expected one of virtiofs, 9p-passthrough, 9p-mapped-xattr"):
        Qemu().check_available(replace(spec, options=(("share", "nfs"),)))
    cloud = sorted(Path("/boot").glob("vmlinuz-*-cloud-amd64"))[0]
    nine = replace(spec, options=(("kernel", os.fspath(cloud)), ("share", "9p-none")))
    with pytest.raises(Unavailable, match="has no 9p, 9pnet_virtio") as told:
        Qemu().check_available(nine)
    assert "linux-image-amd64" in str(told.value.remedy)
    share._daemon.cache_clear()
    monkeypatch.setattr(share, "PLACES", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match="virtiofsd is not installed"):
        share.check("virtiofs", Qemu()._kernel(spec))
    share._daemon.cache_clear()


def test_a_daemon_that_fails_is_quoted(
    spec: BoxSpec, lifetime: Lifetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """red: QEMU's words alone, which do not tell what ailed the daemon."""
    daemon = tmp_path / "virtiofsd"
    daemon.write_text("#!/bin/sh\necho no such luck >&2\nexit 3\n")
    daemon.chmod(0o755)
    monkeypatch.setattr(share, "_daemon", lambda: os.fspath(daemon))
    with pytest.raises(Unavailable, match="virtiofsd ended: no such luck"):
        technology("qemu").launch(replace(spec, volumes=BOTH[:1]), lifetime)


def test_a_killed_run_leaves_no_daemon(spec: BoxSpec) -> None:
    program = """
import time
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec, Volume
from pytest_isolation.technologies import technology
options = (("accel", "tcg"), ("share", "virtiofs"))
spec = BoxSpec(technology="qemu", options=options, volumes=(Volume(target="/volume"),))
box = technology("qemu").launch(spec, Lifetime())
print(*box.parts.group.pids(), flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pids = [int(word) for word in run.stdout.readline().split()]
        names = {psutil.Process(pid).name() for pid in pids}
        assert any("virtiofsd" in name for name in names) and any("qemu" in name for name in names), names
        run.send_signal(signal.SIGKILL)
        run.wait()
    deadline = time.monotonic() + 10
    while (left := [pid for pid in pids if psutil.pid_exists(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, "the daemon, or QEMU, outlived the run that started it"


@pytest.mark.long("shares", seconds=100)
@pytest.mark.parametrize("kind", share.KINDS)
def test_each_way_breaks_what_its_page_says(kind: str, spec: BoxSpec, lifetime: Lifetime) -> None:
    options = [("accel", "tcg"), ("share", kind)]
    if kind != "virtiofs":
        try:
            options.append(("kernel", os.fspath(kernels.image("bookworm", lifetime, print, kernels.WITH_9P))))
        except IsolationError as error:
            pytest.skip(f"no kernel with 9p: {error}")
    asked = replace(spec, options=tuple(sorted(options)))
    found: dict[str, str] = {}
    with new_pool() as pool:
        for promise, test in built_in_checks():
            if promise.id in ASKED:
                box = pool.box(replace(asked, **promise.box))
                ran = run_property(promise, test, box, examples=3, seed=1)
                found[promise.id] = str(ran.trouble or ran.unsupported or ("violated" if ran.violation else "holds"))
    assert found == {id: "violated" if id in BREAKS[kind] else "holds" for id in ASKED}
