"""Every probe must be able to say no: under a filter that answers ENOSYS to the calls it stands on, none may pass."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation.agent import numbers
from pytest_isolation.agent.shortcuts import write
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import start_local
from pytest_isolation.support.explain import Finding
from pytest_isolation.support.feature import features
from pytest_isolation.support.features.security import ERRNO, install
from pytest_isolation.support.groups import hierarchies
from pytest_isolation.support.kernel import Kernel, look
from pytest_isolation.support.survey import survey
from pytest_isolation.support.trial import MS_REC_PRIVATE, NEWNS, ROOM

UNPROVEN = set((Path(__file__).parents[1] / "data" / "unproven-features.txt").read_text().split())
"""Features that no control here turns off: at most 15."""

CALLS = tuple(
    word
    for line in (
        "unshare mount mkdirat chroot pivot_root setns ioctl socket getsockopt bpf userfaultfd io_uring_setup",
        "perf_event_open clone3 close_range openat2 pidfd_open pidfd_getfd memfd_create execveat finit_module",
        "kexec_load kcmp fanotify_init membarrier epoll_create1 add_key keyctl ptrace seccomp",
        "landlock_create_ruleset memfd_secret name_to_handle_at listmount fsopen mount_setattr personality",
        "quotactl_fd msgget prlimit64 shmget mq_open capget setresuid madvise pidfd_send_signal quotactl",
    )
    for word in line.split()
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a control of root's answers")


@contextmanager
def this_kernel() -> Iterator[Kernel]:
    lifetime = Lifetime()
    groups = f"pytest-isolation/{lifetime.run_id}-{os.getpid()}"
    lifetime.register("cgroup", groups)
    try:
        with start_local() as local:
            yield look("running", local.proc, groups=groups)
    finally:
        lifetime.close()


@contextmanager
def filtered(kernel: Kernel, *calls: str) -> Iterator[Kernel]:
    """The kernel as a process sees it to which `calls` are answered ENOSYS."""
    with kernel.root.spawn() as proc:
        machine = proc.agent.machine
        # seccomp itself comes last: no filter could follow.
        for call in sorted(calls, key=lambda name: name == "seccomp"):
            install(proc, numbers.number(call, machine), ERRNO | errno.ENOSYS)
        yield replace(kernel, root=proc, _read={})


SYSCTLS = {
    "1": (
        "kernel/pid_max kernel/threads-max user/max_user_namespaces user/max_net_namespaces fs/file-max fs/mount-max "
        "fs/inotify/max_user_instances fs/inotify/max_user_watches kernel/pty/max vm/max_map_count fs/aio-max-nr "
        "net/core/somaxconn kernel/shmmax kernel/keys/root_maxkeys"
    ),
    "0": "net/core/bpf_jit_enable fs/protected_symlinks fs/protected_hardlinks kernel/yama/ptrace_scope",
    "2": "vm/overcommit_memory",
}
"""What the host's numbers are replaced by, in a mount namespace of the control's own: the host keeps its own."""


@contextmanager
def covered(kernel: Kernel) -> Iterator[Kernel]:
    """The kernel as a process sees it whose sysctls are low, without pressure files and old control groups."""
    with kernel.root.spawn() as proc:
        assert proc.unshare(NEWNS).ok
        assert proc.mount(None, "/", None, MS_REC_PRIVATE).ok
        assert proc.mount("none", ROOM, "tmpfs").ok
        for value, names in SYSCTLS.items():
            assert write(proc, f"{ROOM}/{value}", value.encode(), os.O_CREAT | os.O_WRONLY).ok
            for name in names.split():
                proc.mount(f"{ROOM}/{value}", f"/proc/sys/{name}", None, 0x1000)  # not every kernel has each
        for name in ("pressure", "self/map_files"):
            proc.mount("none", f"/proc/{name}", "tmpfs")
        for point in dict.fromkeys(hierarchies(kernel).v1.values()):
            proc.umount2(point, 2)
        yield replace(kernel, root=proc, _read={})


def findings(kernel: Kernel, only: tuple[str, ...] = ()) -> dict[str, Finding]:
    return {one.feature.id: one.finding for one in survey(kernel, ("root",), only=only)}


def test_without_the_new_mount_api_and_clone3() -> None:
    """The right features turn off, the filter is named, and the rest goes on."""
    asked = ("fs.new-mount-api", "fs.mount-setattr", "fs.idmap", "call.clone3", "fs.bind-readonly", "ns.mnt", "ns.pid")
    with this_kernel() as kernel:
        before = findings(kernel, asked)
        with filtered(kernel, "fsopen", "fsmount", "open_tree", "mount_setattr", "clone3") as other:
            found = findings(other, asked)
    for id in asked[:4]:
        if before[id].status == "works":
            assert found[id].status == "off", found[id]
            assert "a system call filter (seccomp) answers for it" in (found[id].cause or "")
            assert found[id].errno == "ENOSYS"
    for id in asked[4:]:
        assert found[id].status == before[id].status


def test_every_probe_can_say_no() -> None:
    with this_kernel() as kernel:
        with filtered(kernel, *CALLS) as other:
            found = findings(other)
        with covered(kernel) as other:
            more = findings(other)
        works = findings(kernel)
    silent = {id for id in works if {found[id].status, more[id].status, works[id].status} == {"works"}}
    assert silent <= UNPROVEN, sorted(silent - UNPROVEN)


def test_the_unproven_are_few_and_known() -> None:
    assert len(UNPROVEN) <= 15
    assert {one.id for one in features()} >= UNPROVEN
