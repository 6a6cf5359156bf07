"""What is tried in a box for a sentence of report/trade.py that no row and no cost of the run answers."""

from __future__ import annotations

import errno
import os
import platform
import re
import struct
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Proc
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import BoxError, IsolationError, in_one_line
from pytest_isolation.outside.box import Box
from pytest_isolation.report.trade import DEPENDS, NO, UNMEASURED, YES, Probed
from pytest_isolation.technologies.pool import Pool

if TYPE_CHECKING:
    from pytest_isolation.technologies.qemu.emulator import Emulator

BARE = "bare host"
PORT = 8099
CLOCKS_S = 10
"""By how much uptime may differ that is read one after another."""
TRY_S = 20.0
VERSION = re.compile(r"\d+\.\d+[\w.+~-]*")


def tried(sentence: str, box: str, attempt: Callable[[], tuple[str, str]]) -> Probed:
    """What refuses is said, as not measured."""
    try:
        return Probed(sentence, box, *attempt())
    except (IsolationError, OSError, TimeoutError, subprocess.SubprocessError) as error:
        return Probed(sentence, box, UNMEASURED, in_one_line(error))


def kernel(box: Box) -> tuple[str, str]:
    """Whether the kernel that answers in the box is the host's: by its release, and by how long it has been up.

    Not by the id of its boot: LXC gives each container one of its own.
    """
    release = must(box.proc.uname(), "the kernel's name").data[130:195].partition(b"\0")[0].decode(errors="replace")
    if release != platform.release():
        return NO, f"Linux {release} there, {platform.release()} here"
    up = struct.unpack_from("<q", must(box.proc.sysinfo(), "its uptime").data)[0]
    here = float(text_of(Path("/proc/uptime")).split()[0])
    if abs(up - here) > CLOCKS_S:
        return NO, f"Linux {release}, up for {up} s there and {here:.0f} s here"
    return YES, f"Linux {release}, up as long as the host"


# -- two versions of one program -------------------------------------------------------


def _version(said: str) -> str:
    """The first version in what a program says of itself."""
    found = VERSION.search(said)
    if found is None:
        raise BoxError(f"the program tells no version: {said[:80]!r}; expected one that does so with --help")
    return found[0]


def _of_this_host(program: Path) -> str:
    done = subprocess.run(
        [program, "--help"], capture_output=True, text=True, errors="replace", timeout=TRY_S, encoding="utf-8"
    )
    return _version(done.stdout + done.stderr)


def versions_on_the_host(pair: tuple[Path, Path], pool: Pool, lifetime: Lifetime) -> tuple[str, str]:
    """Both at one path, as a package puts them there, and both at one port.

    The path ends in the older one's name: a program may go by what it is called.
    """
    place = lifetime.new_directory("versions")
    tool, said = place / pair[0].name, []
    try:
        for one in pair:
            new = tool.with_suffix(".new")
            new.write_bytes(one.read_bytes())
            new.chmod(0o755)
            new.replace(tool)
            said.append(_of_this_host(tool))
        now = _of_this_host(tool)
    finally:
        lifetime.remove_directory(place)
    with ExitStack() as undo:
        ends = [undo.enter_context(pool.launch(BoxSpec(technology="host", name="bare"))).proc for _ in pair]
        refused = _listen_all(ends)
    if said[0] == said[1]:
        raise BoxError(f"both programs say {said[0]}; expected two versions")
    also = f", and of one port: {refused}" if refused else ""
    return NO, f"{said[0]} at one path is gone when {now} is installed there{also}"


def versions(pair: tuple[Path, Path], spec: BoxSpec, pool: Pool) -> tuple[str, str]:
    """A box with each version at one path, both standing, both listening at one port."""
    with ExitStack() as undo:
        boxes, said = [], []
        for number, one in enumerate(pair):
            tree = Image((Entry(path=os.fsencode(pair[0].name), kind="file", mode=0o755, data=one.read_bytes()),))
            given = replace(spec, image=tree, door=Door.START, name=f"{spec.name}-{number}")
            boxes.append(undo.enter_context(pool.launch(given)))
        for box in boxes:
            done = box.run([f"/{pair[0].name}", "--help"], timeout=TRY_S)
            said.append(_version((done.stdout + done.stderr).decode(errors="replace")))
        refused = _listen_all([box.proc for box in boxes])
    if said[0] == said[1]:
        raise BoxError(f"both programs say {said[0]}; expected two versions")
    if refused:
        return DEPENDS, f"{said[0]} and {said[1]} at one path, but not at one port: {refused}"
    return YES, f"{said[0]} and {said[1]} at one path and one port"


def _listen_all(procs: list[Proc]) -> str:
    """Have each listen at PORT of every address; the first refusal, or an empty text."""
    for proc in procs:
        fd = must(proc.socket(2, 1), "a socket").value
        address = struct.pack("<H", 2) + struct.pack(">HI8x", PORT, 0)
        for reply in (proc.bind(fd, address), proc.listen(fd)):
            if not reply.ok:
                return errno.errorcode.get(reply.errno, str(reply.errno))
    return ""


# -- the life of a machine -----------------------------------------------------------


def file(spec: BoxSpec, lifetime: Lifetime) -> tuple[str, str]:
    """A VM whose counter is running becomes a file, is moved, and counts on: in its own QEMU, and in each other one."""
    from pytest_isolation.technologies.qemu import Qemu
    from pytest_isolation.technologies.qemu.move import move

    qemu = Qemu()
    machine, _ = qemu.machine(spec, lifetime)
    others = _other_qemus()
    moved, *elsewhere = move(machine, lifetime, (None, *others.values()))
    if moved.before is None or moved.after is None:
        return NO, f"it does not go on in another directory: {moved.refused}"
    by = "; ".join(
        f"in QEMU {name} {'it counts on' if one.went_on else f'it does not go on: {one.refused or one.lost}'}"
        for name, one in zip(others, elsewhere, strict=True)
    )
    said = (
        f"a file of {moved.bytes / (1 << 20):.0f} MiB, moved to another directory; its counter said "
        f"{moved.before.counter} before, {moved.after.counter} after {moved.kept_s + moved.seconds:.1f} s and "
        f"{moved.later} later; QEMU {qemu.facts(spec)['version']} ({by or 'no other QEMU is here to go on in'})"
    )
    if not moved.went_on:
        return NO, said
    return YES if all(one.went_on for one in elsewhere) else DEPENDS, said


def _other_qemus() -> dict[str, Emulator]:
    """Version -> QEMU: others in PATH, and those of releases that `pytest-isolation moves` has fetched."""
    from pytest_isolation.machines import qemus
    from pytest_isolation.technologies.qemu.emulator import BINARY, Emulator, of_this_host, version

    found: dict[str, Emulator] = {}
    for directory in os.get_exec_path():
        place = Path(directory) / BINARY
        if os.access(place, os.X_OK):
            found.setdefault(version(one := Emulator((os.path.realpath(place),))), one)
    for one in qemus.kept().values():
        found.setdefault(version(one), one)
    found.pop(version(of_this_host()), None)
    return found
