"""What is hard to attach: each works, or says why in one paragraph; with real containers, through exec and by pid."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_isolation import BoxError, Unsupported
from pytest_isolation.agent.constants import AT_FDCWD
from tests.owners import HARDENED, Owner, attached, measured, owner, refusal
from tests.runs import run_as_nobody

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="attaching is for root")
NEEDED = (
    # of runc between its filter and the program
    "execve", "exit", "futex", "fstat", "newfstatat", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    "madvise", "sched_yield", "getpid", "gettid", "tgkill", "nanosleep", "epoll_pwait", "epoll_ctl", "capget", "capset",
    "setuid", "setgid", "setgroups", "getuid", "getgid", "geteuid", "getegid", "brk", "arch_prctl", "stat",
    "munmap", "mprotect", "prlimit64", "lseek", "getppid", "faccessat2", "faccessat", "fstatfs", "statfs", "getdents64",
    "readlinkat", "close_range", "epoll_create1", "eventfd2", "pipe2", "sched_getaffinity", "setresuid",
    "setresgid", "umask",
    # of the agent
    "read", "write", "close", "mmap", "ioctl", "dup3", "sendto", "socketpair", "clone", "fcntl", "prctl",
    "clock_gettime", "openat", "ppoll", "exit_group", "pidfd_open", "kill", "wait4",
)  # fmt: skip
DOORS = ["docker", "podman", "pid-of-docker"]


class Door:
    """An owner, and how their containers are attached."""

    def __init__(self, kind: str, theirs: Owner) -> None:
        self.kind, self.theirs = kind, theirs

    def text(self, name: str) -> str:
        if self.kind == "pid-of-docker":
            return f"attach:pid={self.theirs.state(name)['Pid']}"
        return self.theirs.box + name


@pytest.fixture(scope="module", params=DOORS)
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    with owner(request.param.rpartition("-")[2]) as theirs:
        yield Door(request.param, theirs)


def profile(tmp_path: Path, default: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Options that give a container a filter.  With no-new-privileges runc lays it on last, just before the program."""
    made = {
        "defaultAction": default,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": [{"names": list(allowed), "action": "SCMP_ACT_ALLOW"}],
    } | ({"defaultErrnoRet": 38} if default == "SCMP_ACT_ERRNO" else {})
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(made))
    return "--network=none", "--security-opt=no-new-privileges", f"--security-opt=seccomp={path}"


def one_paragraph(said: str) -> None:
    assert said
    assert "\n" not in said
    assert "Traceback" not in said


def test_no_such_container(door: Door) -> None:
    if door.kind == "pid-of-docker":
        said = refusal("attach:pid=4194304")
        assert "there is no process" in said
    else:
        said = refusal(f"{door.theirs.box}no-such-container")
        assert "no container 'no-such-container'" in said
    one_paragraph(said)


def test_stopped_and_paused(door: Door) -> None:
    with door.theirs.running("--network=none") as name:
        text = door.text(name)
        door.theirs("pause", name)
        paused = refusal(text)
        assert "paused" in paused or "frozen" in paused
        one_paragraph(paused)
        door.theirs("unpause", name)
        door.theirs("kill", name)
        door.theirs("wait", name)
        stopped = refusal(text)
        assert "not running" in stopped or "there is no process" in stopped
        one_paragraph(stopped)
        door.theirs("start", name)


@pytest.mark.long("no writable place")
def test_no_writable_place(door: Door) -> None:
    options = [option for option in HARDENED if not option.startswith("--tmpfs")] + ["--ipc=none"]
    if door.kind == "podman":
        options.append("--read-only-tmpfs=false")
    with door.theirs.running(*options) as name, door.theirs.left_alone(name):
        with attached(door.text(name)) as box:
            assert box.proc.getuid().value == 1000
            with pytest.raises(Unsupported, match="no writable tmpfs"):
                _ = box.scratch
        # What needs nothing written is asked all the same.
        rows = measured({"box": door.text(name)}, "mnt.host-secret-unreadable", "mnt.host-unwritable")
        assert rows["box", "mnt.host-secret-unreadable"]["verdict"] == "holds"
        assert rows["box", "mnt.host-unwritable"]["verdict"] == "holds"


def test_noexec_everywhere(door: Door) -> None:
    options = ("--read-only", "--network=none", "--tmpfs=/tmp:noexec", "--tmpfs=/run:noexec", "--tmpfs=/home:noexec")
    with door.theirs.running(*options) as name, door.theirs.left_alone(name), attached(door.text(name)) as box:
        assert box.proc.getuid().value == 0
        assert box.enter().getpid().ok


def test_a_user_without_any_permission(door: Door) -> None:
    options = (
        "--read-only",
        "--network=none",
        "--cap-drop=ALL",
        "--user=65534:65534",
        "--security-opt=no-new-privileges",
    )
    with door.theirs.running(*options) as name, door.theirs.left_alone(name), attached(door.text(name)) as box:
        assert box.proc.getuid().value == 65534
        assert not box.proc.openat(AT_FDCWD, "/etc/new", os.O_WRONLY | os.O_CREAT).ok


@pytest.mark.long("narrow filters")
@pytest.mark.parametrize("action", ["SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"])
def test_a_filter_of_little_more_than_the_agent(door: Door, action: str, tmp_path: Path) -> None:
    options = profile(tmp_path, action, NEEDED)
    with door.theirs.running(*options) as name, door.theirs.left_alone(name):
        with attached(door.text(name)) as box:
            assert box.proc.getpid().ok
        asked = ("pid.signal-out-refused", "net.ipv6-parity", "net.host-loopback-unreachable")
        rows = measured({"box": door.text(name)}, *asked)
        assert rows["box", "pid.signal-out-refused"]["verdict"] == "holds"
        for guarantee in asked[1:]:
            row = rows["box", guarantee]
            if action == "SCMP_ACT_ERRNO":
                assert row["verdict"] == "holds", row["reason"]
            else:
                assert row["verdict"] == "unsupported", row["reason"]
                assert "filter kills the process that makes" in row["reason"]
                one_paragraph(row["reason"])


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the owner's small program is for x86-64")
@pytest.mark.long("filters without the agent")
@pytest.mark.parametrize("action", ["SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"])
def test_a_filter_without_what_the_agent_is_made_of(door: Door, action: str, tmp_path: Path) -> None:
    without = (*(set(NEEDED) - {"mmap", "ppoll"}), "pause")
    options = profile(tmp_path, action, without)
    with door.theirs.running(*options, command=("/pause",)) as name:
        if door.kind != "pid-of-docker":
            with (
                door.theirs.left_alone(name),
                pytest.raises(BoxError, match="seccomp profile without the calls it is made of") as told,
                attached(door.text(name)),
            ):
                pass
            one_paragraph(str(told.value))
            return
        # What is missing is asked for when it has a child, which outlives it as a zombie: /pause waits for nobody.
        row = measured({"box": door.text(name)}, "mnt.new-mount-api-denied")["box", "mnt.new-mount-api-denied"]
        assert row["verdict"] == "unsupported", row["reason"]
        assert "seccomp filter kills" in row["reason"]
        one_paragraph(row["reason"])


def test_pytest_as_a_user_without_any_permission(door: Door) -> None:
    with door.theirs.running("--network=none") as name:
        done = run_as_nobody("--isolation", "--box", f"box={door.text(name)}", "--isolation-only", "pid.*")
        done.said("box")
        (box,) = done.report["boxes"]
        assert not box["available"]
        one_paragraph(box["reason"])
