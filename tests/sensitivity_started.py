"""Sensitivity, measured: boxes of our own technologies, with the words of a table besides their own."""

from __future__ import annotations

import copy
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from pytest_isolation import Box, BoxSpec
from pytest_isolation.boxes import resources
from pytest_isolation.boxes.caller import Caller
from pytest_isolation.technologies import inspected, nspawn, technology
from pytest_isolation.technologies.oci import bundle
from pytest_isolation.technologies.oci import runtime as oci_runtime
from pytest_isolation.technologies.qemu import machine, snapshot, vm
from tests.support import started_alone

Words = dict[str, str]
"""What the {words} of a table stand for."""
Start = Callable[[Sequence[str], str], AbstractContextManager[Box]]
"""A box with these words, already filled in, and with this path open as descriptor 9 where it is one."""


def meant_by(place: Path) -> Words:
    """Of the tables of this file; `place` has a directory `data` that a box may be handed."""
    fstab = place / "fstab"
    fstab.write_text(f"{place}/data mnt none bind 0 0\n", encoding="utf-8")
    names = sorted(name for name in os.listdir("/sys/block") if not name.startswith(("loop", "ram", "zram")))
    major, minor = Path("/sys/block", names[0] if names else "loop0", "dev").read_text(encoding="utf-8").split(":")
    return {
        "directory": f"{place}/data", "pid": str(os.getpid()), "secret": secrets.token_hex(16),
        "fstab": os.fspath(fstab), "disk_rate": json.dumps({"major": int(major), "minor": int(minor), "rate": 1 << 20}),
    }  # fmt: skip


# -- nspawn ------------------------------------------------------------------------------------------------------------


@contextmanager
def nspawn_with(argv: Sequence[str], _: str) -> Iterator[Box]:
    """Every nspawn of the block has these words after its own; limits of processes before those that a check asks for.

    The last of two that say the same is taken: rlimit.as-asked would find what nobody but this table asked for.
    """
    limits = [word for word in argv if word.startswith("--rlimit=")]
    rest = [word for word in argv if word not in limits]
    usual = nspawn._Start.arguments
    score = [word.partition("=")[2] for word in argv if word.startswith("--oom-score-adjust=")]
    with (
        mock.patch.object(nspawn._Start, "arguments", lambda self, machine: [*limits, *usual(self, machine), *rest]),
        started_alone(BoxSpec(technology="nspawn")) as box,
    ):
        box.parts.resources = {resources.OOM_SCORE: score[-1]} if score else {}
        yield box


# -- runc --------------------------------------------------------------------------------------------------------------

CHANGE = re.compile(r"([A-Za-z0-9.]+?)(\+|-)?=(.*)", re.DOTALL)


def changed(config: bundle.Config, words: Sequence[str]) -> bundle.Config:
    """A configuration with the changes of runc.toml.  Raises ValueError for what is no such word."""
    made = copy.deepcopy(config)
    for word in words:
        if (match := CHANGE.fullmatch(word)) is None:
            raise ValueError(f"runc.toml: {word!r}; expected PATH=JSON, PATH+=JSON or PATH-=JSON")
        path, how, value = match[1].split("."), match[2], json.loads(match[3])
        if path[:1] == ["linux"] and path[1:2] == ["sysctl"]:
            path = path[:2]
        inner: dict[str, Any] = made
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        there = inner.get(path[-1], [])
        if how == "+":
            inner[path[-1]] = [*there, value]
        elif how == "-":
            inner[path[-1]] = [one for one in there if not one.items() >= value.items()]
        else:
            inner[path[-1]] = value
    return made


def as_recorded(config: bundle.Config) -> dict[str, Any]:
    """The limits of a configuration, in the words of an engine's record: `HostConfig` as Docker inspects it."""
    asked = config["linux"].get("resources", {})
    memory, cpu, disks = (asked.get(name, {}) for name in ("memory", "cpu", "blockIO"))
    return {
        "Memory": memory.get("limit"), "MemorySwap": memory.get("swap"), "MemoryReservation": memory.get("reservation"),
        "MemorySwappiness": memory.get("swappiness"), "OomKillDisable": memory.get("disableOOMKiller"),
        "PidsLimit": asked.get("pids", {}).get("limit"), "CpuQuota": cpu.get("quota"), "CpuPeriod": cpu.get("period"),
        "CpuShares": cpu.get("shares"), "CpusetCpus": cpu.get("cpus"),
        "OomScoreAdj": config["process"].get("oomScoreAdj"),
        **{f"BlkioDevice{name}": [{"Path": _disk(one), "Rate": one["rate"]}
                                  for one in disks.get(f"throttle{name.replace('IOps', 'IOPS')}Device", ())]
           for name in ("ReadBps", "WriteBps", "ReadIOps", "WriteIOps")},
    }  # fmt: skip


def _disk(one: Mapping[str, int]) -> str:
    name = os.path.basename(os.readlink(f"/sys/dev/block/{one['major']}:{one['minor']}"))
    return f"/dev/{name}"


@contextmanager
def runc_with(argv: Sequence[str], _: str) -> Iterator[Box]:
    """Every bundle of the block has these changes; its limits are what the box was asked to have.

    Limits of processes that a check asks a box of its own for come in the place of those of the words, of one type:
    rlimit.as-asked would find what nobody but this table asked for.
    """
    usual, made = bundle.configure, []

    def configure(*given: Any, **named: Any) -> bundle.Config:
        before = usual(*given, **named)
        found = changed(before, argv)
        if asked := before["process"].get("rlimits", []):
            kinds = {one["type"] for one in asked}
            further = [one for one in found["process"]["rlimits"] if one["type"] not in kinds]
            found["process"]["rlimits"] = [*further, *asked]
        made.append(found)
        return found

    with (
        mock.patch.object(oci_runtime.bundle, "configure", configure),
        started_alone(BoxSpec(technology="runc")) as box,
    ):
        record = as_recorded(made[0])
        box.parts.asked, box.parts.resources = inspected.limits_of(record), inspected.resources_of(record)
        yield box


# -- LXC ---------------------------------------------------------------------------------------------------------------

OF_LINES: Mapping[str, str] = {
    **{file: name for name, files in resources.FILES.items() for _, file, _ in files if name != resources.OOM_KILL},
    "lxc.proc.oom_score_adj": resources.OOM_SCORE,
}
"""File of a group, of version 1, or another key -> the limit in it."""


@contextmanager
def lxc_with(argv: Sequence[str], _: str) -> Iterator[Box]:
    """With these further lines; the limits in them are what the box was asked to have."""
    mapped = [("unprivileged", "true")] if "unprivileged = true" in argv else []
    lines = tuple(line for line in argv if line.startswith("lxc."))
    spec = BoxSpec(technology="lxc", options=(("config", lines), *mapped))
    meant = technology("lxc").meant(spec)  # type: ignore[attr-defined]
    with started_alone(meant) as box:
        pairs = [(key.strip(), value.strip()) for key, _, value in (line.partition("=") for line in argv)]
        asked = {OF_LINES.get(key.removeprefix("lxc.cgroup."), ""): value for key, value in pairs}
        box.parts.resources = {name: value for name, value in asked.items() if name}
        yield box


# -- QEMU --------------------------------------------------------------------------------------------------------------

OPENED = 209
"""The descriptor that -add-fd of qemu.toml names."""


def machines_words(place: Path) -> Words:
    """What the words of qemu.toml stand for besides: files of a machine's, and more than this machine has."""
    (place / "empty").mkdir()
    (place / "image").write_bytes(bytes(1 << 20))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    return {
        "place": os.fspath(place), "empty": f"{place}/empty", "image": f"{place}/image",
        "too_much": str(memory + 1024), "too_many": str((os.cpu_count() or 1) + 1),
        "firmware": os.fspath(shutil.copy("/usr/share/seabios/bios-256k.bin", place / "firmware")),
    }  # fmt: skip


@contextmanager
def qemu_with(argv: Sequence[str], opened: str) -> Iterator[Box]:
    """A machine with these words in the place of QEMU's usual filter and of -nodefaults."""
    usual = machine.command

    def command(*given: Any, **named: Any) -> list[str]:
        line = usual(*given, **named)
        at = line.index("-sandbox")
        return [one for one in (*line[:at], *line[at + 2 :]) if one != "-nodefaults"] + [
            part for word in argv for part in word.split(" ", 1)
        ]

    with ExitStack() as undo:
        caller = Caller()
        if opened:
            fd = os.open(opened, os.O_RDONLY)
            undo.callback(os.close, OPENED)
            os.dup2(fd, OPENED)
            os.close(fd)
            caller = Caller(open=(OPENED,))
        undo.enter_context(mock.patch.object(vm, "command", command))
        undo.enter_context(mock.patch.object(snapshot, "KEPT", 0))
        yield undo.enter_context(started_alone(BoxSpec(technology="qemu", caller=caller)))
