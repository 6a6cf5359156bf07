"""No file that the box wrote is run as a program: whoever breaks in brings none along."""

import errno
import os
import secrets
from contextlib import suppress

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc, Program, Reply
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.programs import read_file
from pytest_isolation.errors import BoxError

promise = guarantee(
    "mnt.written-files-not-run",
    claim="execve(2) of a file that the box wrote into one of its directories is refused, whatever the file's mode is",
    sources=("man:mount(2) MS_NOEXEC", "man:execve(2) EACCES", "NIST SP 800-190, 4.4.4"),
    severity=severity.surface("runs programs that it wrote itself"),
    falsified_by=weaken.hand_in("directory"),
    kind="per-box",
    oracle="errno",
    distinct="that it runs, from a directory of its own as well: vol.* are of what was handed in",
)
NO_PROGRAM = b"\x7fno program at all\n"
"""The kernel says ENOEXEC of it where it would run a file that is one, and EACCES where it would not."""
RUN = errno.ENOEXEC
NO_FILES = frozenset({"mqueue", "hugetlbfs", "autofs"})
"""File systems whose files are queues, pages, or mounts to be: none takes what is written to it as a program."""


@promise
def test_nothing_written_is_run(box: Box) -> None:
    found = {place: replies for place in places(box) if (replies := asked(box, place))}
    promise.held("refused" if found else "absent")
    for place, replies in found.items():
        promise.tried(*replies, vain=(errno.ENOSYS,))
        for reply in replies:  # by whichever call: a filter may refuse the one and not the other
            promise.require(not reply.ok and reply.errno != RUN, reply, directory=place)
    if not found and box.writable:
        raise Unsupported("no directory of the box takes a file of ours that leaves no trace")
    promise.require(True)  # where there is no such directory, nothing can be written to be run


def places(box: Box) -> list[str]:
    """The box's mounts that are not read-only, and directories of its root, in which it may make a file."""
    with suppress(BoxError):
        mounts = parse(read_file(box.proc, "/proc/self/mountinfo").decode(errors="replace"))
        kinds = {one.point: one.fstype for one in mounts}  # the newest hides the others
        program = Program()
        steps = [
            (point, program.faccessat(AT_FDCWD, point, os.W_OK | os.X_OK))
            for point, kind in kinds.items()
            if kind not in NO_FILES
        ]
        replies = box.proc.run(program)
        return list(dict.fromkeys((*(one for one, step in steps if replies[step].ok), *box.writable)))
    return list(box.writable)


def asked(box: Box, place: str) -> list[Reply]:
    """What the kernel says, by each call, of running a file of ours that is written to `place`; else none.

    It has no name, and leaves no trace, whoever kills us.  Where that is refused it has one for a moment, in a box of
    our own and a directory of that.
    """
    with box.spawn() as proc:
        told = _asked(proc, proc.openat(AT_FDCWD, place, os.O_TMPFILE | os.O_RDWR, 0o700))
        if told or box.spec.attached or place not in box.writable:
            return told
        path = f"{place.rstrip('/')}/pytest-isolation-{secrets.token_hex(4)}"
        try:
            return _asked(proc, proc.openat(AT_FDCWD, path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o700), path)
        finally:
            box.proc.unlinkat(AT_FDCWD, path, 0)


def _asked(proc: Proc, written: Reply, path: str | None = None) -> list[Reply]:
    """Of the file that is open to write, `path` if it has a name."""
    if not written.ok:
        return []
    program = Program(stop_on_error=True)
    program.write(written.value, NO_PROGRAM)
    program.fchmod(written.value, 0o755)  # whatever the umask is
    replies = proc.run(program)
    taken = len(replies) == len(program) and all(replies[step].ok for step in range(len(program)))
    # Whoever has it open to write keeps it from being run: ETXTBSY.
    again = proc.openat(AT_FDCWD, path or f"/proc/self/fd/{written.value}", os.O_RDONLY)
    proc.close(written.value)
    if not (taken and again.ok):
        return []
    return [
        proc.execve(path or f"/proc/self/fd/{again.value}", ["none"]),
        proc.execveat(again.value, "", ["none"], [], AT.EMPTY_PATH),
    ]
