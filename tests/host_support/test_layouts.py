"""Kernels as Debian 14's packages have them: image, configuration and modules in one directory, and no modules.dep."""

from __future__ import annotations

import lzma
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_isolation import BoxSpec, Unavailable
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import start_local
from pytest_isolation.options.boxes import parse
from pytest_isolation.support.image import booted
from pytest_isolation.support.kernel import look
from pytest_isolation.support.survey import survey
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.qemu.kernel import kernel
from pytest_isolation.technologies.qemu.machine import CHANNEL
from pytest_isolation.technologies.qemu.modules import Modules, name_of, needs, read_module
from tests.host_support.images import need_vm


@pytest.fixture(autouse=True)
def _there() -> None:
    need_vm()


def laid_out(folder: Path) -> Path:
    """The newest kernel here as Debian 14 has it, in an unpacked package; the path of its image."""
    found = kernel()
    directory = found.modules.directory
    assert directory is not None
    place = folder / "usr/lib/modules" / found.release
    place.mkdir(parents=True)
    for name in ("kernel", "modules.builtin"):
        (place / name).symlink_to(directory / name)
    shutil.copy(f"/boot/config-{found.release}", place / "config")
    shutil.copy(found.path, place / "vmlinuz")
    return place / "vmlinuz"


def test_its_modules_are_found_without_depmod(tmp_path: Path) -> None:
    """What the files say they need is what depmod says, each after what it needs."""
    found = kernel(laid_out(tmp_path))
    assert found.modules.directory == found.path.parent
    assert found.why_no_channel(CHANNEL) is None
    listed = kernel().modules
    for name in ("overlay", "br_netfilter", "nft_masq", "virtio-net", "btrfs", "nf_conntrack", "ip_vs"):
        if not listed.knows(name):
            continue
        ours = found.modules.to_load(name)
        assert set(ours) == set(listed.to_load(name)), name
        for module, path in ours.items():
            before = list(ours)[: list(ours).index(module)]
            assert {one for one in needs(read_module(path)) if not listed.built_in(one)} <= set(before)


def test_it_boots_with_its_configuration_and_modules(tmp_path: Path) -> None:
    lifetime = Lifetime()
    try:
        with booted(str(laid_out(tmp_path)), lifetime) as machine:
            assert machine.configured(("BRIDGE",)) == "m"
            (found,) = survey(machine, ("root",), only=("net.bridge",))
    finally:
        lifetime.close()
    assert found.finding.status == "works", found.finding


def test_a_name_with_a_plus_is_one_kernel(tmp_path: Path) -> None:
    """Debian's are called 6.12.117+deb12-cloud-amd64; in an option, A+B is a list."""
    image = tmp_path / "7.2.13+deb14-cloud-amd64" / "vmlinuz"
    image.parent.mkdir()
    shutil.copy(kernel().path, image)
    technology("qemu").check_available(parse(f"qemu:kernel={image}"))
    assert technology("qemu").facts(parse(f"qemu:kernel={image}"))["kernel"] == kernel().release


def test_an_image_that_speaks_over_a_serial_line_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking it would take hours: it is told at once, with what is missing."""
    image = laid_out(tmp_path)
    (image.parent / "modules.builtin").unlink()
    (image.parent / "kernel").unlink()
    (image.parent / "kernel").mkdir()
    monkeypatch.setattr("pytest_isolation.technologies.qemu.vm.PORT", "/dev/none")  # as where virtio is not built in
    lifetime = Lifetime()
    told = r"cannot be asked in reasonable time: .* has no module .*virtio_console"
    try:
        with pytest.raises(Unavailable, match=told), booted(str(image), lifetime):
            pass
    finally:
        lifetime.close()


def test_what_takes_too_long_is_unknown() -> None:
    with start_local() as local:
        (found,) = survey(look("running", local.proc), ("root",), only=("ns.mnt",), seconds=-1)
    assert (found.finding.status, found.finding.tried) == ("unknown", False)
    assert "not tried: the -1 s for this kernel were over" in (found.finding.cause or "")


def test_another_file_called_config_is_none(tmp_path: Path) -> None:
    from pytest_isolation.support.kernel import config_in

    for text in ("[core]\n\tbare = false\n", "# Linux/x86 4.19.1 Kernel Configuration\nCONFIG_NET=y\n", "\0\xff"):
        (tmp_path / "config").write_text(text, encoding="latin1")
        assert config_in(tmp_path / "config", "6.12.9-cloud-amd64") == ""
    (tmp_path / "config").write_text("# Linux/x86 6.12.117 Kernel Configuration\nCONFIG_NET=y\n")
    assert "NET=y" in config_in(tmp_path / "config", "6.12.9-cloud-amd64")


def test_an_image_without_its_modules_says_so(tmp_path: Path) -> None:
    """Not "no virtio console": nobody can know that."""
    alone = tmp_path / "vmlinuz"
    shutil.copy(kernel().path, alone)
    renamed = bytearray(alone.read_bytes())
    at = renamed.index(kernel().release.encode())
    renamed[at : at + 3] = b"0.0"  # a release of which no modules are anywhere
    alone.write_bytes(renamed)
    why = kernel(alone).why_no_channel(CHANNEL)
    assert why is not None and "no modules of 0.0" in why and "beside it" in why


def test_modules_without_the_channels_are_a_reason_to_start_none(tmp_path: Path) -> None:
    image = laid_out(tmp_path)
    for name in ("kernel", "modules.builtin"):
        (image.parent / name).unlink()
    (image.parent / "kernel").mkdir()
    with pytest.raises(Unavailable, match=r"has no module .*virtio_console.*, and it is not built in") as error:
        technology("qemu").check_available(BoxSpec(technology="qemu", options=(("kernel", str(image)),)))
    assert "qemu:kernel=PATH" in error.value.remedy


def test_modules_of_every_compression(tmp_path: Path) -> None:
    path = next(iter(kernel().modules.to_load("overlay").values()))
    data = read_module(path)
    (tmp_path / "overlay.ko").write_bytes(data)
    (tmp_path / "overlay.ko.xz").write_bytes(lzma.compress(data))
    names = ["overlay.ko", "overlay.ko.xz"]
    if shutil.which("zstd"):
        subprocess.run(["zstd", "-q", os.fspath(tmp_path / "overlay.ko")], check=True)
        names.append("overlay.ko.zst")
    assert [read_module(tmp_path / name) for name in names] == [data] * len(names)
    assert {name_of(name) for name in names} == {"overlay"}
    (tmp_path / "overlay.ko.xz").write_bytes(lzma.compress(data)[:100])
    with pytest.raises(Unavailable, match=r"the module .*overlay\.ko\.xz cannot be read"):
        read_module(tmp_path / "overlay.ko.xz")
    for broken in (b"", data[:40], b"\x7fELF\2\1" + bytes(20)):
        assert needs(broken) == []
    assert not Modules(tmp_path).knows("overlay")  # what lies in no directory of a kernel's own is none of its
