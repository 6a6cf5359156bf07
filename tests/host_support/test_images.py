"""Kernel images booted in a VM: their features, and what switches them off."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import read, write
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.support.explain import Finding
from pytest_isolation.support.feature import features
from pytest_isolation.support.image import booted
from pytest_isolation.support.kernel import Kernel
from pytest_isolation.support.survey import survey
from pytest_isolation.support.technologies import Judged, judge, technologies
from pytest_isolation.support.trial import NOBODY, need
from pytest_isolation.technologies.qemu.kernel import kernel
from pytest_isolation.technologies.qemu.vm import BootError
from tests.host_support.controls import refuse
from tests.host_support.images import images, need_vm
from tests.host_support.state import changes, state
from tests.runs import Done, run, run_as_nobody


@pytest.fixture(scope="module")
def lifetime(lifetime: Lifetime) -> Lifetime:
    need_vm()
    return lifetime


@pytest.mark.long("kernels")
@pytest.mark.parametrize("image", images(), ids=lambda path: path.rpartition("/")[2])
def test_side_by_side_with_this_host(image: str, run_on: Callable[[str], Done]) -> None:
    side_by_side = run_on(image)
    assert side_by_side.code == 0, side_by_side.out
    side_by_side.said("host support: which technologies this kernel can run", image.rpartition("/")[2])
    report = side_by_side.report
    for as_ in ("user", "root"):
        rows = {row["feature"]: row for row in report["support"] if (row["kernel"], row["as"]) == (image, as_)}
        assert len(rows) >= 90
        assert [row["feature"] for row in rows.values() if row["status"] != "works" and not row["cause"]] == []
        assert rows["ns.user-usable"]["status"] == "works"
    for feature in ("cg.v1", "cg.v2", "cg.memory", "cg.net-cls", "cg.net-prio", "cg.perf-event", "virt.kvm-runs"):
        assert rows[feature]["status"] == "works", rows[feature]
    runs = {row["technology"]: row["can_run"] for row in report["technologies"]
            if (row["kernel"], row["as"]) == (image, "root")}  # fmt: skip
    assert set(runs.values()) <= {"yes", "partly"}, runs


@pytest.mark.long(seconds=150)
def test_a_feature_that_nothing_needs_fails_no_run(tmp_path: Path) -> None:
    """Features that do not work, on every kernel here, side by side; and the run passed."""
    need_vm()
    asked = [word for image in images() for word in ("--isolation-kernel", image)]
    side_by_side = run(tmp_path / "here", *asked, timeout=600)
    assert side_by_side.code == 0, side_by_side.out
    needless = [row for row in side_by_side.report["support"] if row["status"] != "works" and not row["needed_by"]]
    assert {row["kernel"] for row in needless} == {"running", *images()}


def test_what_boots_to_no_agent(tmp_path: Path) -> None:
    """Each is one note, and what was found of this host is kept."""
    need_vm()
    data = bytearray(kernel().path.read_bytes())
    (tmp_path / "cut-off").write_bytes(data[: len(data) // 2])
    data[len(data) // 2 : len(data) // 2 + 65536] = bytes(65536)  # of what is unpacked at boot
    (tmp_path / "broken").write_bytes(data)
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("hello")
    shutil.copy("/bin/ls", tmp_path / "program")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    told = {
        "broken": ("did not boot to the agent", "the kernel halted", "the console's last lines"),
        "cut-off": ("is cut off: it has", "copy it again"),
        "empty": ("it starts with nothing; name a bzImage",),
        "text": ("it starts with 68 65 6c 6c 6f; name a bzImage",),
        "program": ("did not boot to the agent", "QEMU ended", "Error loading uncompressed kernel"),
        "directory": ("is no file; name a kernel image",),
        "pipe": ("is no file; name a kernel image",),
        "none": ("cannot be opened: No such file or directory; name",),
    }
    asked = [word for name in told for word in ("--isolation-kernel", str(tmp_path / name))]
    done = run(tmp_path / "here", "--isolation-host", *asked, timeout=400)
    done.said("FAILED")
    assert done.code == 1
    notes = done.report["notes"]
    assert len(notes) == len(told)
    for (name, words), note in zip(told.items(), notes, strict=True):
        assert str(tmp_path / name) in note
        assert [word for word in words if word not in note] == [], note
        assert "\n" not in note.partition("the console's last lines:")[0]
    assert {row["kernel"] for row in done.report["support"]} == {"running"}


@pytest.mark.skipif(os.geteuid() != 0, reason="to become another user takes root")
def test_an_image_that_this_user_may_not_read(tmp_path: Path) -> None:
    need_vm()
    secret = tmp_path / "vmlinuz-secret"
    shutil.copy(kernel().path, secret)
    secret.chmod(0o600)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    done = run_as_nobody("--isolation-kernel", str(secret), timeout=90)
    done.said(f"{secret} cannot be read by this user; as root: chmod a+r {secret}; or name a readable copy", "FAILED")
    assert done.code == 1
    assert {(row["kernel"], row["as"]) for row in done.report["support"]} == {("running", "user")}


@pytest.mark.long("kernel images")
def test_a_kernel_that_hangs_without_a_word(lifetime: Lifetime, tmp_path: Path) -> None:
    """Its first instruction: cli, hlt, and again."""
    code = bytearray(8192)
    code[0x1F1], code[0x1FE:0x206], code[0x206:0x208] = 4, b"\x55\xaa\xeb\x66HdrS", b"\x0c\x02"
    code[0x211], code[0x22C:0x230], code[0x268:0x26C] = 1, b"\xff\xff\xff\x7f", b"\xfa\xf4\xeb\xfc"
    (tmp_path / "silent").write_bytes(code)
    told = r"no word from the agent within 6 s, with \d s of a processor; nothing came on its console$"
    with pytest.raises(BootError, match=told), booted(str(tmp_path / "silent"), lifetime, timeout=6):
        pass


@pytest.mark.long("kernel images")
def test_a_kernel_that_hangs(lifetime: Lifetime) -> None:
    """Debian's waits for ever for a root that does not come."""
    hang = ("rdinit=/nothing", "root=/dev/nothing", "rootwait")
    told = r"(?s)no word from the agent within 15 s, with \d+ s of a processor; the console's last lines:\n.*KASLR"
    with pytest.raises(BootError, match=told), booted(str(kernel().path), lifetime, parameters=hang, timeout=15):
        pass


@pytest.mark.long("kernel images")
def test_a_kernel_that_panics(lifetime: Lifetime) -> None:
    with (
        pytest.raises(BootError, match=r"(?s)console's last lines.*panic"),
        booted(str(kernel().path), lifetime, parameters=("rdinit=/nothing", "root=/nothing")),
    ):
        pass


SWITCHED_OFF = [
    ("cgroup_disable=memory", "cg.memory", "boot parameter cgroup_disable=memory", "docker", "partly"),
    ("cgroup_disable=memory", "cg.memory", "boot parameter cgroup_disable=memory", "cgroup", "no"),
    ("sysctl.user.max_user_namespaces=0", "ns.user-usable", "sysctl user.max_user_namespaces = 0", "gvisor", "no"),
    ("lockdown=confidentiality", "call.kcore", "lockdown = confidentiality", None, None),
    ("lockdown=confidentiality", "call.kexec", "lockdown = confidentiality", None, None),
]


def asked_for(*names: str) -> set[str]:
    """Features that root needs or wants for these technologies."""
    wishes = [one.root for one in technologies() if one.name in names]
    return {id for one in wishes for wish in (*one.needs, *one.wants) for id in wish.split("|")}


@pytest.mark.long("kernel images")
@pytest.mark.parametrize("parameter", sorted({one[0] for one in SWITCHED_OFF}))
def test_switched_off_at_boot(parameter: str, lifetime: Lifetime) -> None:
    expected = [one for one in SWITCHED_OFF if one[0] == parameter]
    with booted(str(kernel().path), lifetime, parameters=(parameter,)) as machine:
        asked = asked_for("gvisor", "cgroup", "docker") | {one[1] for one in expected}
        found = find(machine, asked)
    judged = {one.technology: one for one in judge(found, "root", programs=False)}
    for _, feature, cause, technology, can_run in expected:
        assert (found[feature].status, found[feature].cause) == ("off", cause)
        if technology is not None:
            assert judged[technology].can_run == can_run, judged[technology]
            assert feature in judged[technology].missing
            assert found[feature].remedy in judged[technology].remedies


def without_modules(folder: Path, *names: str) -> str:
    """The newest kernel with its modules beside it, but for `names`."""
    image = kernel()
    directory = image.modules.directory
    assert directory is not None
    copy = folder / "modules" / image.release
    copy.mkdir(parents=True)
    (copy / "kernel").symlink_to(directory / "kernel")
    (copy / "modules.builtin").symlink_to(directory / "modules.builtin")
    kept = [line for line in (directory / "modules.dep").read_text().splitlines(keepends=True)
            if not any(f"/{name}.ko" in line for name in names)]  # fmt: skip
    (copy / "modules.dep").write_text("".join(kept))
    (folder / f"config-{image.release}").symlink_to(f"/boot/config-{image.release}")
    target = folder / image.path.name
    shutil.copy(image.path, target)
    return str(target)


@pytest.mark.long("kernel images")
@pytest.mark.parametrize(
    ("left_out", "feature", "can_run", "missing"),
    [
        (("overlay", "btrfs"), "fs.overlay", "partly", "fs.overlay|fs.btrfs"),
        (("bridge",), "net.bridge", "no", "net.bridge"),
    ],
    ids=["overlay", "bridge"],
)
def test_modules_that_are_not_there(
    left_out: tuple[str, ...], feature: str, can_run: str, missing: str, lifetime: Lifetime, tmp_path: Path
) -> None:
    image = without_modules(tmp_path, *left_out)
    with booted(image, lifetime) as machine:
        found = find(machine, asked_for("docker", "bubblewrap"))
    assert found[feature].status == "missing-module", found[feature]
    assert left_out[0] in (found[feature].cause or "")
    assert f"modprobe {left_out[0]}" in (found[feature].remedy or "")
    judged = {one.technology: one for one in judge(found, "root", programs=False)}
    assert (judged["docker"].can_run, judged["docker"].missing[0]) == (can_run, missing)
    assert judged["bubblewrap"].can_run == "yes"


@pytest.mark.long("kernel images")
def test_without_the_new_mount_api_and_clone3(lifetime: Lifetime) -> None:
    """An agent under a filter: what stands on those calls turns off, the filter is named, the rest goes on."""
    off = ("fs.new-mount-api", "fs.mount-setattr", "fs.idmap", "call.clone3")
    asked = {*off, *asked_for("crun", "docker")}
    with booted(str(kernel().path), lifetime) as machine:
        before = judged_on(machine, asked)
        with machine.root.spawn() as proc:
            for call in ("fsopen", "fsmount", "open_tree", "mount_setattr", "clone3"):
                refuse(proc, call)
            other = replace(machine, root=proc, _read={})
            found = find(other, asked)
            after = judged_on(other, asked)
    for id in off:
        assert found[id].status == "off", found[id]
        assert "a system call filter (seccomp) answers for it" in (found[id].cause or "")
        assert found[id].errno == "ENOSYS"
    assert {id for id in asked if found[id].status != "works"} == set(off)
    assert (before["crun"].can_run, after["crun"].can_run) == ("yes", "partly")
    assert after["crun"].missing == ("fs.new-mount-api",)
    assert (before["docker"].can_run, after["docker"].can_run) == ("yes", "yes")


def find(machine: Kernel, asked: set[str]) -> dict[str, Finding]:
    return {one.feature.id: one.finding for one in survey(machine, ("root",), only=asked)}


def judged_on(machine: Kernel, asked: set[str]) -> dict[str, Judged]:
    return {one.technology: one for one in judge(find(machine, asked), "root", programs=False)}


@pytest.mark.long("kernel images")
def test_nothing_of_a_host_on_v2_is_changed(lifetime: Lifetime) -> None:
    """What this host has not: all controllers in one tree with none handed down, and modules loaded when asked for."""
    asked = {one.id for one in features() if one.modules or one.id.startswith("cg.")}
    with booted(str(kernel().path), lifetime) as machine:
        before = state(machine.root)
        host = replace(machine, ours=False)
        works = {one.feature.id for one in survey(host, ("root",), only=asked) if one.finding.status == "works"}
        changed = changes(before, machine.root)
    assert works >= {"cg.memory", "cg.pids", "cg.cpu", "cg.cpuset", "cg.io", "net.bridge", "fs.loop", "fs.overlay"}
    assert before["group /sys/fs/cgroup"] == ""
    assert changed == {}


@pytest.mark.long("kernel images")
def test_a_user_who_was_given_a_group(lifetime: Lifetime) -> None:
    """As `systemd-run --user --scope -p Delegate=yes` does: what was handed down bites, and all is put back."""
    wanted = {"cg.group", "cg.memory", "cg.swap", "cg.pids", "cg.cpuset", "cg.freezer", "cg.delegation"}
    root, scope = "/sys/fs/cgroup", "/sys/fs/cgroup/of-user"
    with booted(str(kernel().path), lifetime) as machine, machine.root.spawn() as theirs:
        need(write(machine.root, f"{root}/cgroup.subtree_control", b"+memory +pids +cpuset"))
        need(machine.root.mkdirat(AT_FDCWD, scope, 0o755))
        for name in ("", "/cgroup.procs", "/cgroup.subtree_control"):
            need(machine.root.fchownat(AT_FDCWD, scope + name, NOBODY, NOBODY))
        need(write(machine.root, f"{scope}/cgroup.procs", str(theirs.pid).encode()))
        before = state(machine.root)
        host = replace(machine, root=theirs, ours=False, _read={})
        found = {one.feature.id: one.finding for one in survey(host, ("user",), only=wanted | {"cg.cpu"})}
        assert changes(before, machine.root) == {}
        assert read(machine.root, f"{scope}/cgroup.procs").data.decode().split() == [str(theirs.pid)]
    assert {id: one.cause for id, one in found.items() if one.status != "works"} == {"cg.cpu": found["cg.cpu"].cause}
    assert "are not given cpu" in (found["cg.cpu"].cause or "")
    assert "Delegate=cpu" in (found["cg.cpu"].remedy or "")


@pytest.mark.long("kernel images")
def test_what_goes_through_the_page_cache_is_counted_for_who_wrote_it_on_v2(lifetime: Lifetime) -> None:
    """cgroup-v2.rst, "Writeback"."""
    with booted(str(kernel().path), lifetime) as machine:
        found = find(machine, {"cg.io"})["cg.io"]
    assert found.status == "works"
    assert "buffered writes, too" in (found.cause or "")
