"""What is read of /proc, whatever a process is called."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pytest_isolation.agent.shortcuts import set_name
from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.procfs import children_of, fields_of, stat_of, status_of, text_of


@pytest.mark.parametrize("name", ["a b", ") Z 1 (", "x\rSeccomp:\t2", "\x0cPPid:\t1", "\udcff\u2028"])
def test_a_name_is_no_field(name: str) -> None:
    """red: of `x\\rSeccomp:\\t2` the status began a line of its own, which said that a filter is there."""
    with start_local() as local:
        assert set_name(local.proc, name).ok
        place = Path(f"/proc/{local.pid}")
        assert text_of(place / "comm") == f"{name}\n"
        status = status_of(place)
        assert (status["Name"], status["PPid"]) == (name.strip(), str(os.getpid()))
        assert status["Seccomp"] == status_of(Path("/proc/self"))["Seccomp"]
        assert list(status).count("Seccomp") == 1 and list(status)[:2] == ["Name", "Umask"]
        state, parent, group, *_ = stat_of(place)
        assert (state in "SR", int(parent), int(group)) == (True, os.getpid(), os.getpgid(local.pid))


def test_children() -> None:
    with start_local() as local:
        process = Path(f"/proc/{local.pid}")
        assert children_of(process) == []
        with local.proc.spawn() as child:
            assert children_of(process) == [child.pid]
            local.proc.kill(child.pid, signal.SIGKILL)
            assert children_of(process) == [child.pid], "one that was not waited for is there"
        assert children_of(process) == []
        with pytest.raises(FileNotFoundError):
            children_of(Path("/proc/0"))


def test_what_is_no_field_is_left_out() -> None:
    assert fields_of("Name:\ta:b\n\nno field\nUid:\t0\t0\n") == {"Name": "a:b", "Uid": "0\t0"}
