"""A machine with the engines and the kernel of a Debian release."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pytest_isolation import cli
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import BoxError
from pytest_isolation.machines import kernels, recipe, release, root
from pytest_isolation.technologies.qemu.kernel import kernel
from tests.host_support.images import need_vm
from tests.support import REQUIRED


@pytest.mark.parametrize("command", ["docker-vm", "in-vm", "in-root"])
def test_another_suite_is_told(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    if command != "in-root":
        need_vm()
    assert cli.main([command, "--suite", "buster"]) == 2
    told = capsys.readouterr().err
    assert told == (f"pytest-isolation {command}: there is no suite 'buster'; expected one of bookworm, trixie, sid\n")


def test_a_machine_has_what_a_root_has_and_a_kernel_of_its_own() -> None:
    for suite in release.SUITES:
        assert recipe.of_release(suite).packages == (*root.Root(suite).packages, "apparmor")
    disks = {recipe.place_of(recipe.of_release(suite)) for suite in (None, *release.SUITES)}
    assert len(disks) == 4
    assert len({kernels.place_of(suite) for suite in release.SUITES}) == 3


def packed(archive: Path, files: dict[str, bytes], links: dict[str, str]) -> Path:
    with tarfile.open(archive, "w") as made:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o600
            made.addfile(entry, io.BytesIO(data))
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            made.addfile(entry)
    return archive


@pytest.mark.parametrize(
    ("image", "modules"),
    [("boot/vmlinuz-{0}", "lib/modules/{0}"), ("usr/lib/modules/{0}/vmlinuz", "usr/lib/modules/{0}")],
    ids=["debian12", "debian14"],
)
def test_a_kernel_is_unpacked_with_its_modules_and_nothing_else(tmp_path: Path, image: str, modules: str) -> None:
    need_vm()
    here = kernel()
    at, beside = image.format(here.release), modules.format(here.release)
    archive = packed(
        tmp_path / "kernel.tar",
        {
            f"./{at}": here.path.read_bytes(),
            f"./{beside}/kernel/net/a.ko": b"a module",
            "./etc/passwd": b"root",
            "./boot/../../outside": b"no",
            "./usr/lib/other": b"no",
        },
        {f"./{beside}/build": "/usr/src", "./boot/link": "/etc/shadow"},
    )
    kernels.unpack(archive, tmp_path / "tree")
    files = {str(path.relative_to(tmp_path / "tree")) for path in (tmp_path / "tree").rglob("*") if not path.is_dir()}
    assert files == {at, f"{beside}/kernel/net/a.ko"}
    assert not (tmp_path / "outside").exists()
    found = kernel(kernels.in_tree(tmp_path / "tree"))
    assert found.release == here.release
    assert found.modules.directory == tmp_path / "tree" / beside
    assert found.modules.knows("a")


def test_a_tree_without_a_kernel_is_told(tmp_path: Path) -> None:
    with pytest.raises(BoxError, match=r"has no kernel, boot/vmlinuz-\* or .*; remove that directory"):
        kernels.in_tree(tmp_path)


def need_room_and_mmdebstrap(place: Path) -> None:
    """Skip where no kernel could be unpacked below `place`; fail where a machine is required."""
    lacks = [program for program in kernels.TOOLS if shutil.which(program) is None]
    if (free := shutil.disk_usage(place).free // MIB) < kernels.WANTED_MIB:
        lacks.append(f"{kernels.WANTED_MIB} MiB below {place}, which has {free}")
    if lacks and "qemu" in REQUIRED:
        pytest.fail(f"a kernel cannot be unpacked: there is no {', no '.join(lacks)}")
    if lacks:
        pytest.skip(f"a kernel cannot be unpacked: there is no {', no '.join(lacks)}")


def test_a_kernel_that_cannot_be_had_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_room_and_mmdebstrap(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path))
    lifetime = Lifetime()
    try:
        with pytest.raises(BoxError, match="mmdebstrap ended with status"):
            kernels.image("bookworm", lifetime, print, package="no-such-package")
    finally:
        lifetime.close()
    assert [path.name for path in (tmp_path / "pytest-isolation").iterdir() if path.suffix != ".lock"] == []


@pytest.mark.long(seconds=900)
@pytest.mark.parametrize(
    ("suite", "linux", "docker"), [("bookworm", "6.1.", "20."), ("trixie", "6.12.", "26."), ("sid", "7.", "28.")]
)
def test_the_engines_of_a_release_are_measured_on_its_kernel(
    suite: str, linux: str, docker: str, tmp_path: Path
) -> None:
    need_vm()
    wanted = ["--isolation-only=cg.pids.enforced", "--isolation-examples=1", "--isolation-report=json:vm.json"]
    boxes = ["--box=docker", "--box=crun"]
    line = [sys.executable, "-m", "pytest_isolation.cli", "in-vm", "--suite", suite, "--", *boxes, *wanted]
    done = subprocess.run(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout
    report = json.loads((tmp_path / "vm.json").read_text(encoding="utf-8"))
    assert report["host"]["kernel"].startswith(linux)
    assert report["host"]["cgroup"] == "v2"
    versions = {box["name"]: str(box["version"]) for box in report["boxes"]}
    assert versions["docker"].startswith(docker)
    labels = {box["name"]: box["spec"]["facts"].get("lsm_label") for box in report["boxes"]}
    # Later releases of AppArmor have a profile for crun by its program's path, which lets it do everything.
    crun = "unconfined" if suite == "bookworm" else "crun (unconfined)"
    assert labels == {"docker": "docker-default (enforce)", "crun": crun}
    assert [(row["box"], row["verdict"], row["control"]) for row in report["results"]] == [
        ("docker", "holds", "fired"),
        ("crun", "holds", "fired"),
    ]
