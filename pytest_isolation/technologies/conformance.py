"""What every technology must do, as a suite anybody can import for their own.

    @pytest.mark.parametrize("case", conformance.CASES, ids=conformance.name_of)
    def test_conformance(case):
        case(MyTechnology(), BoxSpec(technology="mine"))

Each case starts real boxes and raises AssertionError when the contract of `Technology` or `Box`
is broken.  `check_technology` runs them all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.boxes.wording import LIMITS
from pytest_isolation.errors import BoxError, IsolationError, ProcLost
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies.base import Technology, further
from pytest_isolation.technologies.lacking import NOUNS
from pytest_isolation.technologies.limiting import ALL
from pytest_isolation.technologies.pool import Pool

__all__ = ["CASES", "check_technology", "name_of"]

Case = Callable[[Technology, BoxSpec], None]
EBADF, SIGKILL = 9, 9


def check_technology(technology: Technology, spec: BoxSpec) -> None:
    """Every case; raises AssertionError at the first that fails."""
    for case in CASES:
        case(technology, spec)


def name_of(case: Case) -> str:
    """The id of a case for `pytest.mark.parametrize(ids=...)`."""
    return case.__name__.strip("_")


@contextmanager
def _launched(technology: Technology, spec: BoxSpec) -> Iterator[Box]:
    """A box with a lifetime of its own; both are gone afterwards, and what they registered is checked."""
    lifetime = Lifetime()
    directory = lifetime.directory

    def launch(asked: BoxSpec) -> Box:
        box = technology.launch(asked, lifetime)
        box.launch = launch
        box.lifetime = lifetime
        return box

    try:
        with launch(spec) as box:
            yield box
    finally:
        lifetime.close()
    assert not directory.exists(), f"{directory} is left behind"


def says_what_it_is(technology: Technology, spec: BoxSpec) -> None:
    """Its declarations have the types the rest relies on."""
    assert technology.name == spec.technology, f"name is {technology.name!r}, the spec says {spec.technology!r}"
    assert technology.start_ms > 0, "start_ms is about how long a start takes, in milliseconds"
    assert all(isinstance(key, str) and text for key, text in technology.keywords.items()), "keywords have help texts"
    assert all(isinstance(hole, Weakening) for hole in technology.weakenings()), "weakenings() gives Weakening values"
    besides = further(technology)
    assert isinstance(besides.controls_others, bool), "controls_others is True or False"
    assert set(besides.lacking) <= NOUNS.keys(), "lacking has layers of technologies/lacking.py"
    assert besides.limits_known <= ALL, "limits_known has resources of boxes/process_limits.py"
    assert besides.wording.keys() <= LIMITS.keys(), "wording has limits of boxes/wording.py"
    assert isinstance(besides.meant(spec), BoxSpec), "meant() gives a spec"
    assert isinstance(besides.called(spec), str), "called() gives a name, or an empty text"
    technology.check_available(spec)
    assert technology.facts(spec).get("version"), "facts() has the version of what is used"


def answers(technology: Technology, spec: BoxSpec) -> None:
    """A call is answered, and a refusal is an answer."""
    with _launched(technology, spec) as box:
        assert box.alive
        assert box.proc.getpid().value > 0
        assert box.proc.close(-1).errno == EBADF
        assert box.proc.getuid().value == spec.uid
        assert box.parts.started_ms > 0, "a start is a cost: say how long it took"


def carries_bytes(technology: Technology, spec: BoxSpec) -> None:
    """Every byte value comes through, both ways, in pieces of many sizes."""
    with _launched(technology, spec) as box:
        for size in (1, 255, 4096, 200_000):
            data = bytes(range(256)) * (size // 256 + 1)
            program = Program(stop_on_error=True)
            fd = program.memfd_create("bytes")
            program.pwrite64(fd, data[:size], 0)
            back = program.pread64(fd, size + 1)
            program.close(fd)
            assert box.proc.run(program)[back].data == data[:size], f"{size} bytes came back changed"


def makes_children(technology: Technology, spec: BoxSpec) -> None:
    """Children answer for themselves; one that dies takes nothing with it."""
    with _launched(technology, spec) as box:
        with box.spawn() as one, box.spawn() as other:
            assert len({one.getpid().value, other.getpid().value, box.proc.getpid().value}) == 3
            with one.spawn() as grandchild:
                assert grandchild.getppid().value == one.getpid().value
            box.proc.kill(one.pid, SIGKILL)
            try:
                one.getpid()
            except ProcLost:
                pass
            else:
                raise AssertionError("a killed child still answers")
            assert other.getpid().ok
        assert box.alive


def runs_its_programs(technology: Technology, spec: BoxSpec) -> None:
    """A program of the box runs with its output captured; a missing one is an error with the errno."""
    with _launched(technology, spec) as box:
        if spec.image is None and technology.name != "host":
            path = box.parts.agent_path
            done = box.run([path], timeout=20)
            assert done.code == 0, f"{path} without input ended with {done.code}: {done.stderr!r}"
            assert len(done.stdout) == 24, f"{path} said {done.stdout!r}, expected its hello"
        try:
            box.run(["/no/such/program"])
        except BoxError as error:
            assert "ENOENT" in str(error), f"the errno is missing: {error}"
        else:
            raise AssertionError("a program that does not exist ran")


def moves_files(technology: Technology, spec: BoxSpec) -> None:
    """Files go in and come out."""
    if spec.read_only:
        return
    with _launched(technology, spec) as box:
        path = f"/tmp/pytest-isolation-{os.getpid()}-conformance"
        data = os.urandom(300_000)
        box.write_file(path, data, mode=0o640)
        try:
            assert box.read_file(path) == data
        finally:
            assert box.proc.unlinkat(AT_FDCWD, path).ok


def starts_siblings(technology: Technology, spec: BoxSpec) -> None:
    """Two boxes from one spec live side by side."""
    with _launched(technology, spec) as box:
        assert box.sibling.alive
        assert box.sibling is box.sibling, "the sibling is started once"
        assert box.alive


def has_an_exec_door(technology: Technology, spec: BoxSpec) -> None:
    """Who comes through the exec door is in the same box: its root has the same files."""
    with _launched(technology, spec) as box:
        assert ("exec" in technology.doors) == (box.parts.enter is not None), f"doors: {technology.doors}"
        if box.parts.enter is None or spec.read_only:
            return
        path = f"/tmp/pytest-isolation-{os.getpid()}-door"
        box.write_file(path, b"door")
        try:
            entered = box.enter()
            assert entered.faccessat(AT_FDCWD, path, os.F_OK).ok, "exec came into another root"
            assert box.entered is box.entered, "a view through the exec door is made once"
            assert box.entered.parts is box.parts, "the view is of the same box"
            assert box.entered.proc.faccessat(AT_FDCWD, path, os.F_OK).ok, "the view is of another root"
        finally:
            box.proc.unlinkat(AT_FDCWD, path)


def is_held_by_its_group(technology: Technology, spec: BoxSpec) -> None:
    """The control group the box names has all its processes, new ones included."""
    with _launched(technology, spec) as box:
        group = box.parts.group
        if group is None:
            return
        before = group.tasks()
        assert before >= 1
        if box.parts.shares_kernel:
            with box.spawn():
                assert group.tasks() == before + 1, "a child of the box is not in its group"


def reports_its_end(technology: Technology, spec: BoxSpec) -> None:
    """A box whose first process is gone says so at once, not by its silence, and closing it is quiet."""
    with _launched(technology, spec) as box:
        pid = box.parts.init_pid
        if pid is not None:
            os.kill(pid, SIGKILL)
            said, deadline = "it still answers", time.monotonic() + 10
            try:
                while time.monotonic() < deadline:
                    box.proc.getpid()
                    time.sleep(0.01)
            except BoxError as error:
                said = str(error)
            assert "closed" in said, f"the first process was killed, and of the box is heard: {said}"
        box.close()
        box.close()
        assert not box.alive


def leaves_nothing(technology: Technology, spec: BoxSpec) -> None:
    """After close() no process, control group or file of the box is there."""
    with _launched(technology, spec) as box:
        with box.spawn():
            pids = box.parts.group.pids() if box.parts.group is not None else set()
        group, root = box.parts.group, box.parts.root
        box.close()
        left = {pid for pid in pids if os.path.exists(f"/proc/{pid}") and pid != os.getpid()}
        assert not left, f"processes {sorted(left)} outlived the box"
        if group is not None:
            places = [place for place in group.places.values() if place.exists() and place not in _mounts()]
            assert not places, f"control groups outlived the box: {places}"
        if root is not None and str(root) != "/":
            assert not root.exists(), f"{root} outlived the box"


def _mounts() -> set[object]:
    return set(cgroups.hierarchies().values())


def opens_its_weakenings(technology: Technology, spec: BoxSpec) -> None:
    """It starts with each hole it says it can open, and refuses the others."""
    pool = Pool(Lifetime())
    try:
        if technology.start_ms < 1000:
            for hole in sorted(technology.weakenings()):
                with technology.launch(spec.weakened(hole), pool.lifetime) as box:
                    assert box.alive, f"a box with {hole} does not answer"
        unknown = Weakening("open", "nothing-real")
        try:
            technology.launch(spec.weakened(unknown), pool.lifetime).close()
        except IsolationError as error:
            assert str(unknown) in str(error), f"the error does not name the hole: {error}"
        else:
            raise AssertionError(f"a hole nobody can open, {unknown}, was passed over in silence")
    finally:
        pool.close()
        pool.lifetime.close()


def applies_the_spec(technology: Technology, spec: BoxSpec) -> None:
    """What a spec asks for beyond the technology's means is refused, never dropped; environment and identity arrive."""
    wanted = replace(spec, env=(("CONFORMANCE", "a b=c"),), hostname="conformance")
    with _launched(technology, wanted) as box:
        if technology.name == "host" or box.parts.init_pid is None:
            return
        environ = Path(f"/proc/{box.parts.init_pid}/environ").read_bytes().split(b"\0")
        assert b"CONFORMANCE=a b=c" in environ, f"the environment is {environ}"


CASES: tuple[Case, ...] = (
    says_what_it_is,
    answers,
    carries_bytes,
    makes_children,
    runs_its_programs,
    moves_files,
    starts_siblings,
    has_an_exec_door,
    is_held_by_its_group,
    reports_its_end,
    leaves_nothing,
    opens_its_weakenings,
    applies_the_spec,
)
