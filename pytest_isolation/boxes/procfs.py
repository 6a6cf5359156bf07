"""What the kernel tells in text files: /proc, /sys, control groups.

A process names itself, and a directory is named, with any bytes but a few: no reader here fails at one, loses one, or
takes a carriage return for the end of a line.
"""

from __future__ import annotations

from pathlib import Path


def text_of(path: Path) -> str:
    """All of a file; a byte that is not UTF-8 becomes a surrogate, as os.fsdecode() makes it.  Raises OSError."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def status_of(task: Path) -> dict[str, str]:
    """The fields of the `status` of a process, or of a thread: man:proc_pid_status(5).  Raises OSError.

    `task`: its directory, /proc/PID or /proc/PID/task/TID, here and below.
    """
    return fields_of(text_of(task / "status"))


def fields_of(status: str) -> dict[str, str]:
    """The same of the text: name -> value, without the space around it."""
    lines = (line.partition(":") for line in status.split("\n"))
    return {name: value.strip() for name, colon, value in lines if colon}


def stat_of(task: Path) -> list[str]:
    """The fields of its `stat` from the third on, the state: man:proc_pid_stat(5).  Raises OSError.

    Field N of the manual is at N - 3: the second, the name, may have spaces and parentheses in it.
    """
    return text_of(task / "stat").rpartition(")")[2].split()


def children_of(process: Path) -> list[int]:
    """The processes that its first thread has made and not waited for: man:proc_pid_children(5).  Raises OSError."""
    return [int(word) for word in text_of(process / "task" / process.name / "children").split()]
