"""A directory that was handed in is where a box's reach ends: no link in it, and no way up, leads beside it."""

import os
from pathlib import Path

from hypothesis import given

from pytest_isolation import Box, Volume, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc, Program, Reply
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.agent.shortcuts import must, read
from pytest_isolation.strategies import tokens

TARGET = "/volume"
UP = 12
"""More levels than a directory of a run has above it."""

promise = guarantee(
    "vol.nothing-beside",
    claim="no .. and no link in a directory that was handed in leads a process of the box to a file beside it",
    sources=(
        "man:path_resolution(7)",
        "man:symlink(7)",
        "https://www.qemu.org/docs/master/tools/virtiofsd.html",
        "https://nvd.nist.gov/vuln/detail/CVE-2016-9602",
    ),
    severity=severity.host("leaves a directory it was handed by .. or a link"),
    falsified_by=weaken.drop("volume-edge"),
    box={"volumes": (Volume(target=TARGET),)},
    needs_root=True,
    distinct="from what was handed in, by names that the host or the box has put there, to what was not",
)


@promise
@given(name=tokens())
def test_nothing_beside_is_reached(box: Box, name: str) -> None:
    """All ways are tried.  The marker lies beside what was handed in, where mode bits let everybody in."""
    volume: Path = box.parts.volumes[TARGET]
    beside, host = volume.parent / f"beside-{name}", box.outside.proc
    moved = volume.parent / f"moved-{name}"
    inside, data = f"{TARGET}/{name}", name.encode()
    made = [f"{inside}.own", f"{inside}.up", f"{inside}.path", f"{inside}.made"]
    try:
        _write(host, beside, data)
        _write(host, Path(f"{volume}/{name}.own"), b"in it")
        must(host.symlinkat(f"../{beside.name}", AT_FDCWD, f"{volume}/{name}.up"), "a link of the host")
        must(host.symlinkat(str(beside), AT_FDCWD, f"{volume}/{name}.path"), "a link of the host")
        must(host.mkdirat(AT_FDCWD, f"{volume}/{name}", 0o777), "a directory of the host")
        promise.receipt(read(box.proc, f"{inside}.own").data == b"in it", "a file that was handed in")
        with box.spawn() as proc:
            proc.symlinkat(f"../{beside.name}", AT_FDCWD, f"{inside}.made")
            tried = {
                "..": read(proc, f"{TARGET}/../{beside.name}"),
                ".. from below": read(proc, f"{inside}/../../{beside.name}"),
                "the host's link by ..": read(proc, f"{inside}.up"),
                "a link of its own": read(proc, f"{inside}.made"),
            }
            if read(proc, str(beside)).data != data:  # else the box has the host's path, and needs no way to it
                tried[".., then the host's path"] = read(proc, f"{TARGET}{'/..' * UP}{beside}")
                tried["the host's link by path"] = read(proc, f"{inside}.path")
            tried[".. of what was moved out"] = _from_moved(host, proc, volume / name, moved, inside, beside.name)
        reached = [way for way, reply in tried.items() if reply.data == data]
        promise.held("refused")
        promise.require(not reached, *(tried[way] for way in reached), by=", ".join(reached))
    finally:
        for path in (beside, *(volume / one.removeprefix(f"{TARGET}/") for one in made)):
            host.unlinkat(AT_FDCWD, path)
        for directory in (volume / name, moved):
            host.unlinkat(AT_FDCWD, directory, AT.REMOVEDIR)


def _from_moved(host: Proc, proc: Proc, place: Path, moved: Path, inside: str, beside: str) -> Reply:
    """The box has opened a directory that the host then moves out: .. of it is what lies above its new place."""
    opened = proc.openat(AT_FDCWD, inside, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    if not opened.ok:
        return opened
    must(host.renameat2(AT_FDCWD, place, AT_FDCWD, moved), "moving a directory out")
    program = Program(stop_on_error=True)
    fd = program.openat(opened.value, f"../{beside}", os.O_RDONLY | os.O_CLOEXEC)
    program.read(fd, 1 << 16)
    replies = proc.run(program)
    return replies[len(replies) - 1]


def _write(host: Proc, path: Path, data: bytes) -> None:
    fd = must(host.openat(AT_FDCWD, path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644), "a marker").value
    must(host.write(fd, data), "a marker")
    must(host.fchmod(fd, 0o644), "its mode")
    host.close(fd)
