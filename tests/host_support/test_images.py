"""Kernel images booted in a VM: their features, and what switches them off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import Unavailable
from pytest_isolation.support.image import booted
from pytest_isolation.support.survey import survey
from pytest_isolation.support.technologies import judge, technologies
from pytest_isolation.technologies.qemu.kernel import kernel
from pytest_isolation.technologies.qemu.machine import binary
from pytest_isolation.technologies.qemu.vm import BootError
from tests.runs import run
from tests.support import REQUIRED

IMAGES = sorted(str(path) for path in Path("/boot").glob("vmlinuz-*cloud*")) or ["none"]


def need_vm() -> None:
    """Skip without QEMU and a kernel image, except where they are required."""
    try:
        binary()
        kernel()
    except Unavailable as error:
        if "qemu" in REQUIRED:
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def lifetime() -> Iterator[Lifetime]:
    need_vm()
    made = Lifetime()
    yield made
    made.close()


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.rpartition("/")[2])
def test_side_by_side_with_this_host(image: str, tmp_path: Path) -> None:
    need_vm()
    done = run(tmp_path / "here", "--isolation-kernel", image, timeout=400)
    assert done.code == 0, done.out
    done.said("host support: which technologies this kernel can run", image.rpartition("/")[2])
    for as_ in ("root", "user"):
        rows = {row["feature"]: row for row in done.report["support"] if (row["kernel"], row["as"]) == (image, as_)}
        assert len(rows) >= 90
        assert [row["feature"] for row in rows.values() if row["status"] != "works" and not row["cause"]] == []
    assert rows["ns.user-usable"]["status"] == "works"
    roots = {row["feature"]: row for row in done.report["support"] if (row["kernel"], row["as"]) == (image, "root")}
    for feature in ("cg.v1", "cg.v2", "cg.memory", "cg.net-cls", "cg.net-prio", "cg.perf-event"):
        assert roots[feature]["status"] == "works", roots[feature]
    runs = {row["technology"]: row["can_run"] for row in done.report["technologies"]
            if (row["kernel"], row["as"]) == (image, "root")}  # fmt: skip
    assert set(runs.values()) <= {"yes", "partly"}, runs


def test_a_kernel_that_halts(tmp_path: Path) -> None:
    need_vm()
    broken = tmp_path / "vmlinuz-broken"
    data = bytearray(kernel().path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 65536] = bytes(65536)  # of what is unpacked at boot
    broken.write_bytes(data)
    done = run(tmp_path / "here", "--isolation-kernel", str(broken), timeout=400)
    assert done.code == 1
    done.said("did not boot to the agent", "the kernel halted", "the console's last lines", "FAILED")
    assert {row["kernel"] for row in done.report["support"]} == {"running"}


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


@pytest.mark.parametrize("parameter", sorted({one[0] for one in SWITCHED_OFF}))
def test_switched_off_at_boot(parameter: str, lifetime: Lifetime) -> None:
    expected = [one for one in SWITCHED_OFF if one[0] == parameter]
    with booted(str(kernel().path), lifetime, parameters=(parameter,)) as machine:
        asked = asked_for("gvisor", "cgroup", "docker") | {one[1] for one in expected}
        found = {one.feature.id: one.finding for one in survey(machine, ("root",), only=asked)}
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
    target = folder / image.path.name
    target.symlink_to(image.path)
    (folder / f"config-{image.release}").symlink_to(f"/boot/config-{image.release}")
    target.unlink()
    target.write_bytes(image.path.read_bytes())
    return str(target)


def test_modules_that_are_not_there(lifetime: Lifetime, tmp_path: Path) -> None:
    image = without_modules(tmp_path, "overlay", "bridge")
    with booted(image, lifetime) as machine:
        found = {
            one.feature.id: one.finding for one in survey(machine, ("root",), only=asked_for("docker", "bubblewrap"))
        }
    for feature, module in (("fs.overlay", "overlay"), ("net.bridge", "bridge")):
        assert found[feature].status == "missing-module", found[feature]
        assert module in (found[feature].cause or "")
        assert f"modprobe {module}" in (found[feature].remedy or "")
    judged = {one.technology: one for one in judge(found, "root", programs=False)}
    assert judged["docker"].can_run == "no"
    assert "net.bridge" in judged["docker"].missing
    assert "fs.overlay|fs.btrfs" not in judged["docker"].missing, "btrfs serves as well"
    assert judged["bubblewrap"].can_run == "yes"
