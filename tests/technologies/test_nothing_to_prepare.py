"""Boxes in which little or nothing can be made: what they allow is found all the same, and nothing is made up."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes.caller import Caller
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Unsupported
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.guarantees.result import PropertyResult
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.limits.quotas import RLIMIT_NOFILE, RLIMIT_SIGPENDING
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

CHECKS = {promise.id: (promise, test) for promise, test in built_in_checks()}
READ_ONLY = "bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev {agent}"
NO_FILE = "bwrap --unshare-all --ro-bind / / {agent}"
"""Not in its /dev either."""
NO_PROC = "bwrap --unshare-all --ro-bind / / --tmpfs /proc --dev /dev {agent}"
LANDLOCK = Path(__file__).parent.parent / "data" / "landlock.py"


def measured(pool: Pool, id: str, spec: BoxSpec, examples: int = 30) -> PropertyResult:
    promise: Guarantee
    test: Callable[..., Any]
    promise, test = CHECKS[id]
    return run_property(promise, test, pool.box(spec), examples=examples, seed=1)


@pytest.mark.parametrize("launcher", [READ_ONLY, NO_FILE], ids=["root", "all of it"])
@pytest.mark.parametrize(
    "id", ["mnt.mount-denied", "mnt.new-mount-api-denied", "mnt.fresh-proc-denied", "mnt.userns-mount-denied"]
)
def test_a_read_only_root_is_no_refusal_to_mount(pool: Pool, id: str, launcher: str) -> None:
    """By hand each of these mounts works at /mnt.

    red where no directory of the box takes a file: a place to make one was asked for, and then not used.
    """
    need("command")
    ran = measured(pool, id, BoxSpec(technology="command", options=(("", launcher),)))
    assert ran.violation is not None, (ran.trouble, ran.unsupported)


@pytest.mark.parametrize("what", ["arguments", "environment"])
def test_a_process_is_told_a_secret_where_no_file_can_be_made(pool: Pool, what: str) -> None:
    """red: a file was to be made for all three."""
    need("command")
    spec = BoxSpec(technology="command", options=(("", "bwrap --ro-bind / / {agent}"),))
    ran = measured(pool, f"secret.{what}-unread-by-siblings", spec, examples=2)
    assert ran.violation is not None, (ran.trouble, ran.unsupported)


def test_a_lock_of_a_file_that_is_there_needs_no_other(pool: Pool) -> None:
    need("command")
    ran = measured(pool, "mnt.locks-not-shared", BoxSpec(technology="command", options=(("", NO_FILE),)))
    assert ran.violation is not None, (ran.trouble, ran.unsupported)


@pytest.mark.parametrize(
    ("id", "launcher", "reason"),
    [
        ("net.host-loopback-unreachable", READ_ONLY, "the box has no gateway to ask"),
        ("pid.ptrace-cross-refused", NO_PROC, "the box does not let us have a /proc in which memory is a file"),
    ],
)
def test_an_example_with_nothing_to_try_does_not_count(pool: Pool, id: str, launcher: str, reason: str) -> None:
    need("command")
    ran = measured(pool, id, BoxSpec(technology="command", options=(("", launcher),)))
    assert (ran.violation, ran.trouble, ran.unsupported) == (None, None, None)
    assert 0 < ran.decided < ran.examples
    assert ran.reasons.startswith(reason)


HOME = "bwrap --unshare-all --ro-bind / / --bind /root /root --proc /proc --dev /dev {agent}"


def test_where_no_file_can_be_written_none_is_run(pool: Pool) -> None:
    need("command")
    ran = measured(pool, "mnt.written-files-not-run", BoxSpec(technology="command", options=(("", NO_FILE),)))
    assert (ran.violation, ran.trouble, ran.unsupported) == (None, None, None)


def test_a_home_that_is_handed_in_has_files_that_others_run(pool: Pool) -> None:
    """A place of the host's system, and so no volume; but .bashrc and .gitconfig lie there."""
    need("command")
    ran = measured(pool, "mnt.host-trigger-files", BoxSpec(technology="command", options=(("", HOME),)))
    assert ran.violation is not None, (ran.trouble, ran.unsupported)


NO_LOOK = "bwrap --unshare-all --uid 1 --ro-bind / / --proc /proc --dev /dev --chmod 0000 /dev {agent}"


def test_a_dev_that_cannot_be_listed_is_not_empty(pool: Pool) -> None:
    need("command")
    ran = measured(pool, "dev.node-not-given", BoxSpec(technology="command", options=(("", NO_LOOK),)))
    assert (ran.violation, ran.trouble) == (None, None)
    assert "does not let us look into its /dev" in str(ran.unsupported)


NEITHER = "bwrap --unshare-all --ro-bind / / --tmpfs /proc --dev /dev --tmpfs /sys {agent}"
NO_SYS = "bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev --tmpfs /sys {agent}"


@pytest.mark.parametrize(
    ("id", "launcher", "reason"),
    [
        ("leak.disks", NO_SYS, "the box has no /sys"),
        ("leak.activity", NEITHER, "the box has neither a /proc nor a /sys where its machine shows this"),
        ("leak.interrupts-timers", NO_PROC, "the box has neither a /proc nor a /sys where its machine shows this"),
        ("leak.terminals", NO_PROC, "the box has neither a /proc nor a /sys where its machine shows this"),
        ("leak.locks", NO_PROC, "the box has no /proc"),
    ],
)
def test_what_cannot_be_looked_for_is_not_hidden(pool: Pool, id: str, launcher: str, reason: str) -> None:
    need("command")
    ran = measured(pool, id, BoxSpec(technology="command", options=(("", launcher),)), examples=3)
    assert (ran.violation, ran.trouble) == (None, None)
    assert reason in str(ran.unsupported)


@pytest.mark.parametrize(
    ("id", "resource", "most", "reason"),
    [
        ("dos.pipes-of-a-user", RLIMIT_NOFILE, 5, "make ready what has pipes"),
        ("dos.descriptors-in-flight-of-a-user", RLIMIT_NOFILE, 5, "make ready what has descriptors in flight"),
        ("dos.timers-of-a-user", RLIMIT_SIGPENDING, 0, "does not come as far as the question"),
    ],
)
def test_who_could_take_nothing_was_refused_nothing(pool: Pool, id: str, resource: int, most: int, reason: str) -> None:
    """By a limit of its own, five descriptors or no signal: the number of its user on the machine did not decide."""
    promise, test = CHECKS[id]
    with pool.launch(need("namespaces")) as box:
        box.proc.prlimit64(0, resource, (most, 1024))
        ran = run_property(promise, test, box, examples=2, seed=1)
    assert (ran.violation, ran.trouble) == (None, None)
    assert reason in str(ran.unsupported)


@pytest.mark.parametrize("text", ["docker:read_only=true", "docker:user=1000"])
def test_a_box_that_may_less_has_no_other_results(pool: Pool, text: str) -> None:
    """red: EROFS, where the image's modes would have said EACCES, was another result."""
    need("docker")
    ran = measured(pool, "port.same-image-same-result", parse(text), examples=3)
    assert (ran.violation, ran.trouble, ran.unsupported) == (None, None, None)


@pytest.mark.parametrize(("shown", "violated"), [("", False), ("/var/tmp", True)])
def test_landlock_keeps_contents_and_shows_names(pool: Pool, shown: str, violated: bool) -> None:
    """To be out of a root of one's own and read nothing there is no escape; to read one file is."""
    need("command")
    if not host_has_landlock():
        pytest.skip("this kernel has no Landlock")
    launcher = shlex.join([sys.executable, str(LANDLOCK), shown]) + " {agent}"
    ran = measured(pool, "mnt.chroot-escape-blocked", BoxSpec(technology="command", options=(("", launcher),)))
    assert (ran.trouble, ran.unsupported) == (None, None)
    assert (ran.violation is not None) == violated
    if not violated:
        assert ran.notes.remarks == {"the name of a file of the host is found there; to read it is refused"}


def test_a_box_that_is_shown_the_hosts_root_has_one_of_its_own(pool: Pool) -> None:
    """It reads the host's files without chroot(2), which is another guarantee; and chroot(2) leads to its root."""
    need("command")
    launcher = "bwrap --unshare-pid --cap-add CAP_SYS_CHROOT --ro-bind / / --proc /proc --dev /dev {agent}"
    spec = BoxSpec(technology="command", options=(("", launcher),))
    ran = measured(pool, "mnt.chroot-escape-blocked", spec)
    assert (ran.violation, ran.trouble, ran.unsupported) == (None, None, None)
    assert measured(pool, "mnt.host-secret-unreadable", spec).violation is not None


@pytest.mark.parametrize(
    ("id", "reason"),
    [
        ("cg.pids.zombies-counted", "the box is refused processes below its limit"),
        ("cg.pids.enforced", "the box is refused processes below its limit"),
        ("cg.exec-at-limit", "the box is not full: it takes no more"),
    ],
)
def test_a_limit_that_was_not_reached_was_not_kept(pool: Pool, id: str, reason: str) -> None:
    """The user has fewer processes than the box: the refusal is not the box's limit."""
    need("docker")
    promise, test = CHECKS[id]
    spec = replace(parse("docker:uid=54321,ulimits=nproc=20:20"), **promise.box)
    with pool.launch(spec) as box:
        ran = run_property(promise, test, box, examples=2, seed=1)
    assert (ran.violation, ran.trouble) == (None, None)
    assert reason in str(ran.unsupported)


def test_where_no_key_can_be_made_nothing_is_asked_with_one(pool: Pool) -> None:
    """As a run inside a container is, whose filter keeps add_key(2) and keyctl(2) from it."""
    need("docker")
    with pytest.raises(Unsupported, match="no key of the kernel to start the launcher with"):
        Caller(key="token").bring_key(pool.box(BoxSpec(technology="docker")).proc)


def host_has_landlock() -> bool:
    return subprocess.run([sys.executable, LANDLOCK, "/", "/bin/true"], stderr=subprocess.DEVNULL).returncode == 0
