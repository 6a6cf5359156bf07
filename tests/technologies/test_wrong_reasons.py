"""What was refused for another reason than the one that a guarantee is about has held nothing."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.numbers import number
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies.attach import filters
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

CHECKS = {promise.id: (promise, check) for promise, check in built_in_checks()}
LOAD_NUMBER, IF_EQUAL, RETURN = 0x20, 0x15, filters.BPF_RET_K
"""Of seccomp(2)'s programs: bpf(4)."""


def refuse(box: Box, *calls: str) -> None:
    """Have all processes that `box` makes from now on be refused these calls by a filter."""
    program = Program()
    for call in calls:
        code = (
            (LOAD_NUMBER, 0, 0, 0),
            (IF_EQUAL, 0, 1, number(call, os.uname().machine)),
            (RETURN, 0, 0, 0x0005_0000 | errno.EPERM),
            (RETURN, 0, 0, 0x7FFF_0000),
        )
        filters.lay_on(program, filters.Filter(b"".join(struct.pack("<HBBI", *one) for one in code), 0))
    assert all(reply.ok for reply in box.parts.agent.proc.run(program))


def unasked(pool: Pool, id: str, box: Box) -> str:
    ran = run_property(*CHECKS[id], box, examples=4, seed=1, phases=PROVING)
    assert ran.trouble is None, ran.trouble
    assert ran.violation is None
    return str(ran.unsupported)


def test_a_disk_that_is_filled_otherwise_is_not_kept_by_a_refused_fallocate(pool: Pool) -> None:
    with pool.leased(need("namespaces"), fresh=True) as (box, _):
        refuse(box, "fallocate")
        assert "no example came to the question" in unasked(pool, "mnt.disk-not-used-up", box)


def test_files_are_not_kept_few_by_a_refused_mknod(pool: Pool) -> None:
    with pool.leased(need("namespaces"), fresh=True) as (box, _):
        refuse(box, "mknodat")
        assert "no example came to the question" in unasked(pool, "mnt.inodes-not-used-up", box)


def test_a_sibling_that_may_take_no_lock_meets_none(pool: Pool) -> None:
    with pool.leased(need("namespaces"), fresh=True) as (box, _):
        refuse(box.sibling, "flock", "fcntl")
        assert "no example came to the question" in unasked(pool, "mnt.locks-not-shared", box)


def test_who_may_ask_for_no_root_has_not_stayed_in_it(pool: Pool) -> None:
    """The host's files are shown, and statx(2) is refused: roots are the same for whoever cannot tell them apart."""
    launcher = "bwrap --unshare-pid --cap-add CAP_SYS_CHROOT --ro-bind / / --proc /proc --dev /dev {agent}"
    need("command")
    with pool.leased(BoxSpec(technology="command", options=(("", launcher),)), fresh=True) as (box, _):
        assert box.directories  # looked for once, by statx(2)
        refuse(box, "statx")
        ran = run_property(*CHECKS["mnt.chroot-escape-blocked"], box, examples=4, seed=1, phases=PROVING)
        assert (ran.trouble, ran.violation) == (None, None)
        # Not each: a walk that ends below the root comes to none of the host's files.
        assert "does not tell one root from another" in ran.reasons


WRITTEN = "mnt.written-files-not-run"


@pytest.mark.parametrize(("refused", "kept"), [((), False), (("execveat",), False), (("execve", "execveat"), True)])
def test_what_is_written_is_run_by_whichever_call(pool: Pool, refused: tuple[str, ...], kept: bool) -> None:
    """A filter that lets pass execve(2) alone keeps nothing from being run."""
    with pool.leased(need("namespaces"), fresh=True) as (box, _):
        refuse(box, *refused)
        ran = run_property(*CHECKS[WRITTEN], box, examples=1, seed=1, phases=PROVING)
        assert (ran.trouble, ran.unsupported) == (None, None)
        assert (ran.violation is None) == kept


@pytest.mark.parametrize("proc", ["--proc", "--tmpfs"])
def test_a_file_that_cannot_be_made_ready_is_not_left(pool: Pool, proc: str) -> None:
    """Without a name, or where nothing is in /proc to open it again, with one."""
    launcher = f"bwrap --unshare-pid --ro-bind / / --tmpfs /tmp {proc} /proc --dev /dev {{agent}}"
    need("command")
    with pool.leased(BoxSpec(technology="command", options=(("", launcher),)), fresh=True) as (box, _):
        assert "/tmp" in box.writable
        refuse(box, "fchmod")
        assert "leaves no trace" in unasked(pool, WRITTEN, box)
        fd = box.proc.openat(AT_FDCWD, "/tmp", os.O_RDONLY).value
        assert b"pytest-isolation" not in box.proc.getdents64(fd).data
