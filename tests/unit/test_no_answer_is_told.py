"""What cannot be read, or does not tell, is no answer: neither held nor violated."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from pytest_isolation.agent.program import Reply
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.host import LocalHost
from pytest_isolation.boxes.local import start_local
from pytest_isolation.errors import BoxError, Undecided, Unsupported
from pytest_isolation.outside import emulator
from pytest_isolation.outside.behaviour import devices
from pytest_isolation.outside.network import published
from pytest_isolation.outside.shared.found import of_its_machine
from pytest_isolation.outside.transfer import moved
from pytest_isolation.suite.collect import check_files, load_check
from pytest_isolation.technologies import inspected


class Elsewhere(LocalHost):
    """A machine whose files are below a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, *parts: str | os.PathLike[str]) -> Path:
        return self.root.joinpath(*(os.fspath(one).lstrip("/") for one in parts))


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    """A box that is process 7, and a /proc of its own."""
    host = Elsewhere(tmp_path)
    parts = SimpleNamespace(kernel_pid=7, size=lambda: (1, 1), host=host, init_pid=None, shares_kernel=False)
    return SimpleNamespace(parts=parts, outside=host)


def _runs_under(box: Any, ours: str, *its: str) -> None:
    for place, fields in (("self", ours), *((f"7/task/{7 + number}", one) for number, one in enumerate(its))):
        directory = box.outside.path("/proc", place)
        directory.mkdir(parents=True)
        (directory / "status").write_text(f"Name:\t{place}\n{fields}")


NONE, BEFORE = "Seccomp:\t0\n", "Seccomp:\t2\n"
ONE, TWO = (f"Seccomp:\t2\nSeccomp_filters:\t{count}\n" for count in (1, 2))


@pytest.mark.parametrize(
    ("ours", "its", "without"),
    [
        (NONE, (ONE, ONE), []),
        (NONE, (ONE, NONE), ["7/task/8"]),
        (NONE, (BEFORE, BEFORE), []),
        (ONE, (ONE, TWO), ["7/task/7"]),
        (ONE, (TWO, TWO), []),
    ],
)
def test_a_filter_that_was_inherited_is_none_of_the_machines(
    machine: Any, ours: str, its: tuple[str, ...], without: list[str]
) -> None:
    """red: any filter was one, and pytest in a container has one."""
    _runs_under(machine, ours, *its)
    assert emulator.unfiltered(machine) == without


def test_filters_that_nobody_counts_are_no_answer(machine: Any) -> None:
    _runs_under(machine, BEFORE, BEFORE)
    with pytest.raises(Unsupported, match="does not count them"):
        emulator.unfiltered(machine)


def test_open_files_that_cannot_be_listed_are_not_none(machine: Any) -> None:
    """red: it had nothing open."""
    (machine.outside.path("/proc/self")).mkdir(parents=True)
    with pytest.raises(BoxError, match="/proc/7/fd, of the box's machine: No such file"):
        of_its_machine(machine)
    machine.outside.path("/proc/7/fd").mkdir(parents=True)
    (machine.outside.path("/proc/7/fd") / "0").symlink_to("/dev/null")
    assert of_its_machine(machine) == []


LOOKS = (
    of_its_machine, emulator.devices, emulator.ports, emulator.names, emulator.unfiltered, emulator.status,
    emulator.has_the_hosts_root,
)  # fmt: skip


@pytest.mark.parametrize("look", LOOKS)
def test_a_machine_that_has_ended_is_no_answer(look: Callable[[Any], object]) -> None:
    """red: a process that nobody has waited for yet has nothing open, and no filter."""
    with subprocess.Popen(["sleep", "60"]) as process:
        process.kill()
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.001)
        host = LocalHost()
        parts = SimpleNamespace(kernel_pid=process.pid, size=lambda: (1, 1), host=host, init_pid=None)
        with pytest.raises(BoxError, match=f"process {process.pid}, the box's machine, has ended"):
            look(SimpleNamespace(parts=parts, outside=host))


@pytest.mark.parametrize("look", LOOKS)
def test_neither_is_one_that_was_waited_for(look: Callable[[Any], object]) -> None:
    """red: FileNotFoundError, of three of them."""
    with subprocess.Popen(["true"]) as process:
        pass
    parts = SimpleNamespace(kernel_pid=process.pid, size=lambda: (1, 1), host=LocalHost(), init_pid=None)
    with pytest.raises(BoxError, match=f"{process.pid}.*, (of )?the box's machine"):
        look(SimpleNamespace(parts=parts, outside=LocalHost()))


def test_a_device_that_refuses_to_be_read_is_not_empty() -> None:
    """red: read(2) of /dev/null that fails gives no bytes, as one that does not."""
    assert devices._bytes("null", [Reply("read", (), 0, (b"",))] * 2, 16) == ""
    assert devices._bytes("null", [Reply("read", (), -errno.EIO)] * 2, 16) == "read gives EIO"


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot(2) and mknod(2) are root's")
def test_links_of_a_box_without_proc_are_no_answer(tmp_path: Path) -> None:
    """red: /dev/fd was right, and nobody had seen where it leads."""
    (tmp_path / "dev").mkdir()
    for name, (major, minor) in devices.NUMBERS.items():
        os.mknod(tmp_path / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
    with start_local() as local, local.proc.spawn() as proc:
        assert devices.wrong(proc, 16) == {}
        must(proc.chroot(os.fspath(tmp_path)), "a root")
        with pytest.raises(Undecided, match="/proc/self/fd, which /dev/fd should lead to, cannot be seen: ENOENT"):
            devices.wrong(proc, 16)


@pytest.mark.parametrize("mode", ["host", "container:0123", "ns:/run/netns/x"])
def test_the_network_of_another_has_no_record_of_ports(mode: str) -> None:
    """red: none was published, as if that were so."""
    found: dict[str, Any] = {"HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"Ports": {}}}
    assert inspected.published(found) is None
    box: Any = SimpleNamespace(parts=SimpleNamespace(published=None), spec=SimpleNamespace(technology="docker"))
    with pytest.raises(Unsupported, match="docker publishes none, or the box has the network of its host"):
        published.recorded(box)
    found["NetworkSettings"]["Ports"] = {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    assert inspected.published(found) == [("80/tcp", "0.0.0.0:8080")]
    for own in ("bridge", "none", "default", "container-net"):
        assert inspected.published({"HostConfig": {"NetworkMode": own}}) == []


def test_a_name_that_was_refused_twice_is_not_the_same_name() -> None:
    """red: "" before, "" after."""
    lost: Callable[[moved.Moved], dict[str, str]] = next(one.lost for one in moved.ASPECTS if one.slug == "names")
    look = moved.Look(1, b"", b"", b"", {"boot ID": "a", "host name": "b"})
    assert lost(moved.Moved(look, look, 2)) == {}
    assert lost(moved.Moved(look, replace(look, names={"boot ID": "a"}), 2)).keys() == {"names"}
    refused = replace(look, names={"host name": "b"})
    with pytest.raises(Undecided, match="does not let us read its boot ID"):
        lost(moved.Moved(refused, refused, 2))


def test_a_counter_that_is_slow_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """red: it had 0.2 s."""
    sizes = iter([12, 12, 12, 13])
    monkeypatch.setattr(moved.counting, "counted", lambda *_: next(sizes))
    monkeypatch.setattr(moved.counting, "PAUSE_S", 0.001)
    assert moved._later(SimpleNamespace(), "/counter", 11, 12) == 13  # type: ignore[arg-type]
    monkeypatch.setattr(moved.counting, "counted", lambda *_: 12)
    assert moved._later(SimpleNamespace(), "/counter", 11, 12) == 12  # type: ignore[arg-type]


def test_a_class_that_cannot_be_read_is_not_one_of_another_thing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """red: it was no network card."""
    module = load_check(next(path for path in check_files() if path.name == "test_given_hardware.py"))
    cards = module._cards
    monkeypatch.setattr(module, "BUS", os.fspath(tmp_path))
    monkeypatch.setattr(emulator, "pid_of", lambda _: 7)
    with start_local() as local:
        box = SimpleNamespace(proc=local.proc)
        (tmp_path / "a").mkdir()
        with pytest.raises(Unsupported, match="does not let us read the class of anything"):
            cards(box)
        (tmp_path / "b").mkdir()
        (tmp_path / "b/class").write_text("0x010000\n")
        with pytest.raises(BoxError, match=r"the class of a in .* could not be read"):
            cards(box)
        (tmp_path / "b/class").write_text("0x020000\n")
        assert cards(box) == ["b"]
        (tmp_path / "a/class").write_text("0x010000\n")
        (tmp_path / "b/class").write_text("0x010000\n")
        assert cards(box) == []
