"""Containers that somebody else started, with the command of their engine, as their owner would."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pytest_isolation import Box, Unavailable
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes import cgroups, lifetime
from pytest_isolation.boxes.host import LOCAL_HOST, Host, RemoteHost
from pytest_isolation.boxes.image import Entry, Image, base_image
from pytest_isolation.guarantees.domains import domains
from pytest_isolation.guarantees.guarantee import EXAMPLES
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.machines import DockerMachine
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.podman import available
from tests.support import built_in_checks, need, started

HARDENED = (
    "--read-only", "--cap-drop=ALL", "--user=1000:1000", "--security-opt=no-new-privileges", "--network=none",
    "--tmpfs=/tmp:noexec",
)  # fmt: skip

ROOT = tuple(option for option in HARDENED if not option.startswith("--user"))
"""The same, as root without a capability."""
UNASKED = ("cg", "cap", "nnp", "sec", "rlimit", "leak", "dos", "secret")
"""Its limits, which are asked where a test says so; its rights and its filter, of which no prediction is written; what
it learns of its machine and takes of it, and what others there read of it, which is the same for every container, and a
look at all of /proc and /sys."""
ASKED = tuple(one.name for one in domains().values() if one.attached and one.name not in UNASKED)
"""The domains that can be asked of a box nobody started for the check, but UNASKED."""
PREDICTED = ("pid", "mnt", "net", "dev", "ipc", "proc", "daemon", "vol")
"""Those of which it was written down what the containers of other people break."""
CONFINING = ("cap", "nnp", "sec", "rlimit")
"""Of UNASKED those of which it was written down what single holes break: tests/technologies/test_holes.py."""
EXAMPLES_MAX = 60
Verdicts = dict[str, str]

PAUSE = b"\xb8\x22\0\0\0\x0f\x05\xeb\xf7"
"""x86-64: mov eax, 34 (pause); syscall; jmp to the first."""


def _program(code: bytes) -> bytes:
    """A static ELF file of nothing but `code`: elf(5), one segment, read and executed."""
    base, entry = 0x40_0000, 0x40_0000 + 120
    head = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    )
    size = 120 + len(code)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096) + code


THEIRS = Image((Entry(path=b"pause", kind="file", mode=0o755, data=_program(PAUSE)),))
"""/pause: a program that needs one system call, whatever a filter forbids."""


@dataclass(frozen=True)
class Owner:
    """Somebody with an engine and an image in it: ours, under a name of theirs.

    `box`: how `--box` names a container of theirs, up to its name.
    """

    box: str
    argv: tuple[str, ...]
    run: tuple[str, ...]
    """What every `create` here needs."""
    account: Any = None
    environ: Any = None
    end: tuple[str, ...] = ("--force",)
    """How `rm` is told not to wait."""
    image: str = ""
    host: Host = LOCAL_HOST
    """The machine of the engine."""

    def __call__(self, *words: str, given: bytes | None = None) -> str:
        as_account: dict[str, Any] = {}
        if self.account is not None:
            as_account = {"user": self.account.uid, "group": self.account.gid, "extra_groups": [], "cwd": "/"}
        done = subprocess.run(
            [*self.argv, *words], input=given, env=self.environ, capture_output=True, timeout=60, **as_account
        )
        assert done.returncode == 0, (words, done.stderr.decode(errors="replace"))
        return done.stdout.decode().strip()

    @contextmanager
    def running(self, *options: str, command: tuple[str, ...] = ("/agent",)) -> Iterator[str]:
        """The id of a container that still runs when we are done: leaving the block checks that."""
        name = self("create", "--interactive", "--pull=never", *self.run, *options, self.image, *command)
        try:
            self("start", name)
            yield name
            assert self.state(name)["Running"], "the owner's container is no longer running"
        finally:
            self.remove(name)

    def remove(self, name: str) -> None:
        """As their owner would: once more where Podman finds the mount of a container that just ended still busy."""
        for _ in range(50):
            try:
                self("rm", *self.end, name)
                return
            except AssertionError as refused:
                if "device or resource busy" not in str(refused):
                    raise
            time.sleep(0.1)
        self("rm", *self.end, name)

    def state(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self("inspect", "--format={{json .State}}", name)))

    def trace(self, name: str) -> tuple[object, ...]:
        """What its owner would notice: changed files, processes, mounts."""
        pid = self.state(name)["Pid"]
        told = self.host.path(f"/proc/{pid}/mountinfo").read_text()
        mounts = [line.split()[3:5] for line in told.splitlines()]
        # Below a mount of the host's root there is what the host mounts.
        mounts = [[root, point] for root, point in mounts if not point.startswith("/host/")]
        return sorted(self("diff", name).splitlines()), processes(name, pid, self.host), mounts

    @contextmanager
    def left_alone(self, *names: str) -> Iterator[None]:
        """The block leaves these containers as they were, a moment after its end."""
        before = [self.trace(name) for name in names]
        yield
        deadline = time.monotonic() + 5
        while (now := [self.trace(name) for name in names]) != before and time.monotonic() < deadline:
            time.sleep(0.1)
        assert now == before, (now, before)


def remove_group(path: str) -> None:
    """A group that an engine made because a container was to be in it, and left: with what it has below, all empty."""
    for place in set(cgroups.hierarchies().values()):
        if (made := place / path.strip("/")).is_dir():
            for below in reversed(cgroups.tree(made)):
                for _ in range(100):
                    with contextlib.suppress(OSError):  # who was in it ends about now
                        below.rmdir()
                        break
                    time.sleep(0.02)


def processes(name: str, pid: int, host: Host = LOCAL_HOST) -> list[str]:
    """The command lines in the container's groups, or where it has none of its own in its PID namespace."""
    own = host.path(f"/proc/{pid}/ns/pid").readlink()
    private = own != host.path("/proc/self/ns/pid").readlink()
    found = []
    for entry in host.path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if name in (entry / "cgroup").read_text() or (private and (entry / "ns/pid").readlink() == own):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
    return sorted(found)


@contextmanager
def owner(kind: str, machine: DockerMachine | None = None, *, more: Image = THEIRS) -> Iterator[Owner]:
    """`docker`, `podman` or `podman-rootless`; skips where that cannot run, and fails where it must.

    With `machine`: its Docker, asked from here.  `more`: what is in the image beside our own.
    """
    need(kind.partition("-")[0])
    with contextlib.ExitStack() as undo:
        if machine is not None:
            box = f"docker:host={machine.address},container="
            made = Owner(box, ("docker", "--host", machine.address), (), host=RemoteHost(machine.box.proc))
        elif kind == "docker":
            made = Owner("docker:container=", ("docker",), ())
        else:
            rootless = kind == "podman-rootless"
            spec = parse("podman:rootless=true,network=none" if rootless else "podman")
            technology("podman").check_available(spec)
            engine = available.engine_for(spec)
            if rootless:
                undo.callback(engine.remove, "pause", engine.name_of_pause())
            made = Owner(
                f"podman:rootless=true,user={engine.account.name},container=" if engine.account else
                "podman:container=",
                (engine.path, *engine.global_arguments(), "--runtime", available.runtime(engine, spec)[0]),
                tuple(engine.ulimits()), engine.account, engine.environ(), ("--force", "--time=0"),
            )  # fmt: skip
        image = f"localhost/owners-{secrets.token_hex(4)}:1"
        made("import", "-", image, given=(base_image() + more).to_tar())
        undo.callback(made, "rmi", image)
        yield replace(made, image=image)


@contextmanager
def attached(text: str) -> Iterator[Box]:
    """The box of `--box TEXT`, in a run of its own."""
    with closing(lifetime.Lifetime()) as own, started(own, parse(text)) as box:
        yield box


def is_hardened(box: Box) -> None:
    """What a process of ours in a box of HARDENED has, and may not."""
    assert box.proc.getuid().value == 1000
    assert not box.proc.openat(AT_FDCWD, "/written", os.O_WRONLY | os.O_CREAT).ok
    box.write_file(f"{box.scratch}/mine", b"decoy")
    assert box.proc.unlinkat(AT_FDCWD, f"{box.scratch}/mine").ok
    status = box.read_file("/proc/self/status").decode()
    assert status.split("CapEff:")[1].split()[0].strip("0") == ""
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


CHARACTER_DEVICES = "dev.[cfklt]*-closed"
"""Which of them there are, and who may open them, is another from machine to machine: no prediction is written."""


HANDED_IN = (
    "vol.data-not-given", "vol.writable-not-given", "dev.*-not-given", "user.group-not-given", "env.secret-not-given",
    "mnt.root-read-only", "mnt.host-trigger-files", "cg.*.bounded",
)  # fmt: skip
"""What an option hands in is said option by option, in docs/sensitivity.md: none of these was there when predictions
were written."""


def verdicts(box: Box, *, domains: Sequence[str] = ASKED, examples: int = EXAMPLES_MAX) -> Verdicts:
    """Guarantee -> what was measured, with `examples` at most; a violation is not made smaller."""
    found = {}
    for promise, test in built_in_checks():
        if promise.domain not in domains or promise.box or promise.intrusive or fnmatch(promise.id, CHARACTER_DEVICES):
            continue
        if any(fnmatch(promise.id, pattern) for pattern in HANDED_IN):
            continue
        number = min(EXAMPLES[promise.kind], examples)
        ran = run_property(promise, test, box, examples=number, seed=1, phases=PROVING)
        assert ran.trouble is None, (promise.id, ran.trouble)
        found[promise.id] = "violated" if ran.violation else "unsupported" if ran.unsupported else "holds"
    return found


def changes(before: Verdicts, now: Verdicts) -> dict[str, tuple[str, str]]:
    """Guarantee -> its verdicts before and now, where they are two."""
    return {one: (before[one], now[one]) for one in before if before[one] != now[one]}


TODAYS_MASKS = "proc.machine-wide-unreadable"
"""Violated by containers of engines that mask the shorter list, hole or no hole."""
UEVENTS = "net.uevent-hidden"
"""Violated by containers without users of their own: the kernel tells its events to every network namespace of the
host's user namespace (lib/kobject_uevent.c)."""


def with_todays(breaks: Collection[str], before: Verdicts) -> set[str]:
    """What a hole breaks; where this engine masks today's list, it breaks that with the shorter one."""
    both = "proc.masked-unreadable" in breaks and before[TODAYS_MASKS] == "holds"
    return {*breaks, TODAYS_MASKS} if both else set(breaks)


def refusal(text: str) -> str:
    """What a run says of the box `--box TEXT` before it starts anything."""
    spec = parse(text)
    try:
        technology(spec.technology).check_available(spec)
    except Unavailable as error:
        return str(error)
    raise AssertionError(f"{text} is available")


def lent_by_a_killed_run(pid: int, usual: str) -> str:
    """Where the agent is left mounted in the container of `pid` by a process that was killed while it injected it."""
    code = (
        "import sys, time; from pytest_isolation.technologies import inject\n"
        "with inject.injected(int(sys.argv[1]), sys.argv[2]) as path: print(path, flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", code, str(pid), usual]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        path = run.stdout.readline().strip()
        run.kill()
    return path


def measured(
    boxes: dict[str, str], *guarantees: str, examples: int = 10, profile: str | None = "container"
) -> dict[tuple[str, str], dict[str, Any]]:
    """(box, guarantee) -> its row, of a run that measures `boxes` (name -> as in --box) by `profile`."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place, "report.json")
        argv = [sys.executable, "-m", "pytest", "-q", "--isolation"]
        argv += ["--isolation-profile", profile] if profile else []
        argv += ["--isolation-examples", str(examples), "--isolation-report", f"json:{report}"]
        argv += [word for name, text in boxes.items() for word in ("--box", f"{name}={text}")]
        argv += [word for one in guarantees for word in ("--isolation-only", one)]
        done = subprocess.run(argv, cwd=place, capture_output=True, timeout=580, check=False)
        assert report.exists(), done.stdout[-2000:] + done.stderr[-2000:]
        rows = json.loads(report.read_text())["results"]
    return {(row["box"], row["guarantee"]): row for row in rows}
