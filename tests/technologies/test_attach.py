"""attach:pid: a process of ours is confined as its target is, in every kind of box, and leaves no trace."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pytest_isolation import Box, BoxError, Unsupported, UsageError
from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD, PTRACE
from pytest_isolation.boxes.handle import HOLDS, VIOLATED, Discrepancy
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import LocalAgent, start_local
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import conformance, technology
from pytest_isolation.technologies.attach import filters, likeness
from tests.owners import HARDENED, attached, measured, owner, refusal
from tests.support import need

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="attaching is for root")
AGENT = "/memfd:pytest-isolation-agent"
SAME = (
    "Umask", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
    "Seccomp_filters", "Cpus_allowed", "Mems_allowed", "SigIgn",
)  # fmt: skip
DRIFTING = ("State", "SigQ", "voluntary_ctxt", "nonvoluntary_ctxt", "Vm", "Rss")


@contextmanager
def ours(text: str) -> Iterator[int]:
    """The first process of a box that one of our technologies started."""
    need(text.partition(":")[0])
    run = Lifetime()
    try:
        with technology(text.partition(":")[0]).launch(parse(text), run) as box:
            assert box.parts.init_pid is not None
            yield box.parts.init_pid
    finally:
        run.close()


@contextmanager
def container(kind: str, *options: str) -> Iterator[int]:
    with owner(kind) as theirs, theirs.running(*options) as name, theirs.left_alone(name):
        yield int(theirs.state(name)["Pid"])


@contextmanager
def program(*argv: str) -> Iterator[int]:
    """A program that ends in `sleep`; the sleeping process."""
    argv = (*argv, "sleep", "300")
    with subprocess.Popen(argv) as process:
        try:
            deadline = time.monotonic() + 10
            while not (found := _sleeping(process.pid)):
                assert time.monotonic() < deadline, argv
                time.sleep(0.01)
            yield found
        finally:
            process.kill()


def _sleeping(pid: int) -> int | None:
    now = status(pid)
    if (now["Name"], now["State"][0]) == ("sleep", "S"):
        return pid
    made = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return next((found for child in made if (found := _sleeping(child))), None)


UNSHARE = ("unshare", "--fork", "--kill-child", "--pid", "--mount-proc", "--net", "--ipc", "--uts", "--cgroup")
PLACES: dict[str, Callable[[], contextlib.AbstractContextManager[int]]] = {
    "no-box": lambda: program(),
    "unshare": lambda: program(*UNSHARE),
    "unshare-user": lambda: program(*UNSHARE, "--user", "--map-root-user"),
    "unshare-time": lambda: program("unshare", "--fork", "--kill-child", "--time", "--boottime", "86400"),
    "chroot": lambda: ours("chroot"),
    "setpriv": lambda: program(
        "setpriv", "--reuid=1234", "--regid=1234", "--groups=5,6", "--no-new-privs", "--bounding-set=-all,+net_raw",
        "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "nice", "-n", "7",
    ),
    "limits": lambda: program(
        "prlimit", "--nofile=64:128", "--core=0:0", "taskset", "1", "sh", "-c", 'umask 077; exec "$@"', "sh"
    ),
    "cgroup": lambda: ours("cgroup:memory=64M,pids=64"),
    "bubblewrap": lambda: ours("bubblewrap"),
    "bwrap-with-another-id": lambda: program(
        "bwrap", "--unshare-all", "--unshare-user", "--uid", "1234", "--ro-bind", "/", "/", "--proc", "/proc",
        "--dev", "/dev", "--tmpfs", "/tmp",
    ),
    "lxc": lambda: ours("lxc"),
    "lxc-with-an-id-map": lambda: ours("lxc:unprivileged=true"),
    "nspawn": lambda: ours("nspawn"),
    "docker": lambda: container("docker"),
    "docker-hardened": lambda: container("docker", *HARDENED),
    "docker-host-pid": lambda: container("docker", "--pid=host", "--user=1000:1000", "--cap-add=SYS_ADMIN"),
    "podman-rootless": lambda: container("podman-rootless", *HARDENED),
}  # fmt: skip


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def outside_of(box: Box) -> int:
    """The agent of an attached box, by the host's number; found here by its program, not by what made it."""
    target = box.parts.init_pid
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            same = os.readlink(entry / "ns/mnt") == os.readlink(f"/proc/{target}/ns/mnt")
            if same and os.readlink(entry / "exe").startswith(AGENT):
                found.append(int(entry.name))
    assert len(found) == 1, found
    return found[0]


@pytest.fixture
def heeded() -> Iterator[None]:
    """A background job ignores SIGINT and SIGQUIT, one of nohup(1) SIGHUP, and so does what they start."""
    before = {one: signal.signal(one, signal.SIG_DFL) for one in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.usefixtures("heeded")
def test_it_is_confined_as_its_target(place: str) -> None:
    with PLACES[place]() as pid:
        before = status(pid)
        with attached(f"attach:pid={pid}") as box:
            assert box.parts.unlike == ()
            assert box.parts.measured["not reproduced"] == []
            agent = outside_of(box)
            assert {key: status(agent)[key] for key in SAME} == {key: before[key] for key in SAME}
            for kind in ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"):
                assert os.readlink(f"/proc/{agent}/ns/{kind}") == os.readlink(f"/proc/{pid}/ns/{kind}")
            for file in ("cgroup", "limits", "oom_score_adj", "personality", "uid_map"):
                assert Path(f"/proc/{agent}/{file}").read_text() == Path(f"/proc/{pid}/{file}").read_text(), file
            assert os.path.samestat(os.stat(f"/proc/{agent}/root"), os.stat(f"/proc/{pid}/root"))
            assert os.getpriority(os.PRIO_PROCESS, agent) == os.getpriority(os.PRIO_PROCESS, pid)
            descriptors = {
                os.readlink(f"/proc/{agent}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{agent}/fd")
            }
            assert descriptors == {"pipe"}, "nothing of the host's is open but the channel"
            again = box.enter()
            assert again.getuid().value == box.proc.getuid().value
        now = status(pid)
        changed = {field for field in now if now[field] != before[field] and not field.startswith(DRIFTING)}
        assert not changed, "the target is as it was"
        assert now["TracerPid"] == "0"
        assert not _agents_in(pid)


def _agents_in(pid: int) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(entry / "exe").startswith(AGENT) and (
                os.readlink(entry / "ns/mnt") == os.readlink(f"/proc/{pid}/ns/mnt")
            ):
                found.append(entry.name)
    return found


CASES = [
    conformance.says_what_it_is, conformance.answers, conformance.carries_bytes, conformance.makes_children,
    conformance.runs_its_programs, conformance.has_an_exec_door, conformance.is_held_by_its_group,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=conformance.name_of)
def test_conformance(case: conformance.Case) -> None:
    with ours("namespaces") as pid:
        case(technology("attach"), parse(f"attach:pid={pid}"))


def test_it_can_only_what_its_target_can() -> None:
    with container("docker", *HARDENED) as pid, attached(f"attach:pid={pid}") as box:
        assert box.proc.getuid().value == 1000
        assert box.proc.unshare(0x1000_0000).errno == 1, "Docker's seccomp filter"
        assert not box.proc.openat(AT_FDCWD, "/written", os.O_WRONLY | os.O_CREAT).ok
        box.write_file(f"{box.scratch}/mine", b"decoy")
        box.proc.unlinkat(AT_FDCWD, f"{box.scratch}/mine")
        program = Program()
        exe = program.openat(AT_FDCWD, "/proc/self/exe", os.O_WRONLY)
        assert box.proc.run(program)[exe].errno, "the agent's memory is sealed"
        with pytest.raises(Unsupported, match="its own program"):
            _ = box.init
        with pytest.raises(Unsupported, match="started by its owner"), box.fresh():
            pass
        assert box.sibling.spec.technology == "namespaces"
        assert box.sibling.proc.getpid().value == 1


def test_it_brings_nothing_of_ours_along() -> None:
    """What /proc does not show: the securebits that kept its capabilities, and the session's keys."""
    session, securebits = -3, 27
    with program() as pid, attached(f"attach:pid={pid}") as box, start_local() as local:
        assert box.proc.prctl(securebits).value == 0
        assert box.proc.keyctl(0, session).value != local.proc.keyctl(0, session).value


# -- what cannot be made alike -----------------------------------------------------------


@contextmanager
def filtered(*actions: int) -> Iterator[LocalAgent]:
    """A process with one seccomp filter an action, for getpriority(2); everything else is allowed."""
    nr, x86_64 = 140, 0xC000_003E
    with start_local() as local:
        for action in actions:
            code = struct.pack("<HBBI", 0x20, 0, 0, 4) + struct.pack("<HBBI", 0x15, 0, 3, x86_64)
            code += struct.pack("<HBBI", 0x20, 0, 0, 0) + struct.pack("<HBBI", 0x15, 0, 1, nr)
            code += struct.pack("<HBBI", 0x06, 0, 0, action) + struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF_0000)
            program = Program()
            filters.lay_on(program, filters.Filter(code, 0))
            assert all(reply.ok for reply in local.proc.run(program))
        yield local


def test_every_filter_is_read_and_laid_on_in_its_order() -> None:
    with filtered(0x0005_0007, 0x0005_0008) as theirs:
        found = filters.read(theirs.pid)
        assert [struct.unpack_from("<I", one.code, 36)[0] for one in found] == [0x0005_0007, 0x0005_0008]
        assert status(theirs.pid)["TracerPid"] == "0"
        assert theirs.proc.getpid().value == theirs.pid, "it runs on"
        with attached(f"attach:pid={theirs.pid}") as box:
            assert box.parts.unlike == ()
            assert box.proc.getpriority(0, 0).errno == theirs.proc.getpriority(0, 0).errno == 8


def test_a_filter_that_forbids_how_it_was_laid_on() -> None:
    """It would end our process at capset(2), were filters not suspended while they are laid on."""
    with start_local() as theirs:
        code = struct.pack("<HBBI", 0x20, 0, 0, 0) + struct.pack("<HBBI", 0x15, 0, 1, 126)
        code += struct.pack("<HBBI", 0x06, 0, 0, 0x8000_0000) + struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF_0000)
        program = Program()
        filters.lay_on(program, filters.Filter(code, 0))
        assert all(reply.ok for reply in theirs.proc.run(program))
        with attached(f"attach:pid={theirs.pid}") as box:
            assert box.parts.unlike == ()
            assert box.proc.getpid().ok
            with box.spawn() as child, pytest.raises(BoxError, match="ended"):
                child.capset(0, 0)


def test_what_breaks_without_the_filter_is_not_held_against_the_box() -> None:
    with container("docker") as pid, start_local() as tracer:
        assert tracer.proc.ptrace(PTRACE.SEIZE, pid).ok
        with attached(f"attach:pid={pid}") as box:
            (one,) = box.parts.unlike
            assert one.invalidates == VIOLATED
            assert "another tracer" in one.what
            assert box.proc.unshare(0x1000_0000).ok, "our process has no filter"
        rows = measured({"box": f"attach:pid={pid}"}, "mnt.userns-mount-denied", "mnt.open-by-handle-denied")
        broken = rows["box", "mnt.userns-mount-denied"]
        assert broken["verdict"] == "unsupported"
        assert "broken by a process of ours" in broken["reason"]
        assert "another tracer" in broken["reason"]
        assert rows["box", "mnt.open-by-handle-denied"]["verdict"] == "holds", "a freer process did not get out either"


def test_what_holds_for_want_of_an_answer_is_not_held_for_the_box() -> None:
    with filtered(0x7FC0_0000) as theirs, attached(f"attach:pid={theirs.pid}") as box:
        (one,) = box.parts.unlike
        assert one.invalidates == HOLDS
        assert "SECCOMP_RET_USER_NOTIF" in one.what


def test_limits_above_what_we_may_set_are_said() -> None:
    theirs = {"limits": {"open files": (10, 100)}, "CapEff": 0b110, "seccomp": ("2", "1"), "user ids": ["0"]}
    ours = {"limits": {"open files": (10, 50)}, "CapEff": 0b011, "seccomp": ("0", "0"), "user ids": ["0"]}
    found = {
        (one.rests_on, one.invalidates) for one in likeness.compare(theirs, ours, {"limits": "no CAP_SYS_RESOURCE"})
    }
    assert found == {("limits", HOLDS | VIOLATED), ("", HOLDS), ("", VIOLATED)}


def test_another_label_of_the_security_module_spoils_every_verdict() -> None:
    """No kernel here has such a module: what /proc would say of both is given."""
    theirs, ours = {"LSM label": "docker-default (enforce)"}, {"LSM label": "unconfined"}
    (one,) = likeness.compare(theirs, ours, {})
    assert one.what == "its LSM label could not be reproduced: docker-default (enforce), and ours unconfined"
    assert one.invalidates_verdict("pid.init-is-one", "holds")
    assert one.invalidates_verdict("mnt.mount-denied", "violated")
    assert list(likeness.compare(theirs, theirs, {})) == []


def test_a_spoiled_verdict_is_unsupported() -> None:
    only = Discrepancy("x", ("cg.*",), VIOLATED)
    assert only.invalidates_verdict("cg.mem.enforced", "violated")
    assert not only.invalidates_verdict("cg.mem.enforced", "holds")
    assert not only.invalidates_verdict("pid.init-is-one", "violated")


# -- what cannot be attached -------------------------------------------------------------


def test_what_is_no_process_is_one_paragraph() -> None:
    with pytest.raises(UsageError, match="expected the number of a process"):
        refusal("attach:pid=me")
    with pytest.raises(UsageError, match="expected the number of a process"):
        refusal("attach:pid=-1")
    assert "no process was given" in refusal("attach")
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert f"there is no process {gone.pid}" in refusal(f"attach:pid={gone.pid}")
    with subprocess.Popen(["true"]) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        assert "has ended" in refusal(f"attach:pid={zombie.pid}")
    for said in ("attach", f"attach:pid={gone.pid}"):
        assert "\n" not in refusal(said)


def test_a_thread_is_told_its_process() -> None:
    with start_local() as local, local.proc.spawn(0x100 | 0x200 | 0x400 | 0x800 | 0x10000) as thread:
        assert f"give pid={local.pid}" in refusal(f"attach:pid={thread.pid}")


def test_a_frozen_box_is_told() -> None:
    with owner("docker") as theirs, theirs.running() as name:
        theirs("pause", name)
        assert "is frozen" in refusal(f"attach:pid={theirs.state(name)['Pid']}")
        theirs("unpause", name)
        with attached(f"attach:pid={theirs.state(name)['Pid']}") as box:
            assert box.alive


def test_a_stopped_process_stays_stopped() -> None:
    with container("docker") as pid:
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(0.05)
            with attached(f"attach:pid={pid}") as box:
                assert box.parts.unlike == ()
                assert box.proc.getpid().ok
            assert status(pid)["State"].startswith("T")
        finally:
            os.kill(pid, signal.SIGCONT)


def test_what_asks_for_another_box_is_refused() -> None:
    with program() as pid, pytest.raises(Unsupported, match="memory"), attached(f"attach:pid={pid},memory=64M"):
        pass


def test_a_box_that_ends_takes_the_agent_with_it() -> None:
    with ExitStack() as undo:
        pid = undo.enter_context(program(*UNSHARE))
        box = undo.enter_context(attached(f"attach:pid={pid}"))
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while box.alive and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not box.alive
        assert "no process" in refusal(f"attach:pid={pid}") or "has ended" in refusal(f"attach:pid={pid}")


def test_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "for root" in refusal(f"attach:pid={os.getpid()}")
