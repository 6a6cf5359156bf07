"""Podman boxes: as root and rootless, options, users' images, limits, and what is left."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_isolation import Box, BoxError, BoxSpec, Unavailable, Unsupported, UsageError, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.image import Entry, Image, base_image
from pytest_isolation.boxes.lifetime import Lifetime, mount_points
from pytest_isolation.errors import ProcLost
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.limits.exercised import hog
from pytest_isolation.outside.transfer.carried import ids_of
from pytest_isolation.technologies import conformance, technology
from pytest_isolation.technologies.clean import clean
from pytest_isolation.technologies.podman.engine import Engine
from pytest_isolation.technologies.podman.start import FEW_IDS
from tests.runs import python_for_all
from tests.support import built_in_checks, need, new_pool, started

MIB = 1 << 20
ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def spec() -> BoxSpec:
    return need("podman")


@pytest.fixture(scope="module")
def rootless() -> BoxSpec:
    """The Podman of an account with subordinate ids: dev/setup makes one."""
    need("podman")
    if not ROOT:
        pytest.skip("this user's Podman is rootless already")
    asked = parse("podman:rootless=true,network=none")
    try:
        technology("podman").check_available(asked)
    except Unavailable as error:
        if "podman" in os.environ.get("PYTEST_ISOLATION_REQUIRE", "").split(","):
            raise
        pytest.skip(str(error))
    return asked


def status(box: Box, key: str) -> list[str]:
    return Path(f"/proc/{box.parts.init_pid}/status").read_text().split(f"{key}:")[1].splitlines()[0].split()


ROOTLESS_CASES = [
    conformance.answers, conformance.carries_bytes, conformance.makes_children, conformance.moves_files,
    conformance.starts_siblings, conformance.has_an_exec_door, conformance.reports_its_end, conformance.leaves_nothing,
]  # fmt: skip


@pytest.mark.parametrize("case", ROOTLESS_CASES, ids=conformance.name_of)
def test_conformance_of_rootless(rootless: BoxSpec, case: conformance.Case) -> None:
    case(technology("podman"), rootless)


def test_rootless_is_another_user_in_a_user_namespace(lifetime: Lifetime, rootless: BoxSpec) -> None:
    with started(lifetime, rootless) as box:
        assert box.proc.getuid().value == 0
        assert int(status(box, "Uid")[0]) != 0, "root in the box is root on the host"
        assert os.readlink(f"/proc/{box.parts.init_pid}/ns/user") != os.readlink("/proc/self/ns/user")


def test_rootless_says_which_limits_it_cannot_set(lifetime: Lifetime, rootless: BoxSpec) -> None:
    from pytest_isolation.boxes import cgroups

    if cgroups.mode() == "v2":
        pytest.skip("rootless Podman sets limits on v2")
    with pytest.raises(Unsupported, match="cgroup v2"):
        technology("podman").launch(replace(rootless, memory=64 * MIB), lifetime)


def test_rootless_says_which_ids_it_has(lifetime: Lifetime, rootless: BoxSpec) -> None:
    with pytest.raises(Unsupported, match="uid=2000000000"):
        technology("podman").launch(replace(rootless, uid=2_000_000_000), lifetime)


@pytest.mark.parametrize("owner", [{"uid": 2_000_000_000}, {"gid": 2_000_000_000}])
def test_rootless_imports_no_image_with_other_owners_than_it_has(
    lifetime: Lifetime, rootless: BoxSpec, owner: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Podman 4.3 crashes now and then when it finds that out itself, and leaves what it had read in /var/tmp."""
    asked, command = [], Engine.command

    def listening(engine: Engine, *words: str, **how: Any) -> str:
        asked.append(words[0])
        return command(engine, *words, **how)

    monkeypatch.setattr(Engine, "command", listening)
    image = Image((Entry(path=b"theirs", kind="file", **owner),))
    with pytest.raises(Unsupported, match="owners beyond the ids") as told:
        technology("podman").launch(replace(rootless, image=image), lifetime)
    assert told.value.cause is FEW_IDS
    assert "import" not in asked


def test_rootless_ends_the_process_that_holds_its_namespaces(rootless: BoxSpec) -> None:
    user = technology("podman").facts(rootless) and Path("/etc/subuid").read_text().split(":")[0]
    own = Lifetime()
    before = _pids_of(user)
    with started(own, rootless):
        pass
    own.close()
    assert _pids_of(user) <= before


LEAVES = """
import os, signal
from pytest_isolation.boxes.lifetime import Lifetime, mount_points
from pytest_isolation.technologies.podman.engine import Engine
engine = Engine()
engine.keep_quiet(Lifetime())
engine.command("info")
print(engine.pause().pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
ASKS = """
from pytest_isolation.technologies.podman.engine import Engine
engine = Engine()
name = engine.name_of_pause()
engine.command("info")
print(engine.pause(name).pid)
"""
CLEANS = """
from pytest_isolation.technologies.clean import clean
for one in clean():
    print(one.outcome, one.kind)
"""


def test_the_next_run_ends_it_from_another_environment(rootless: BoxSpec) -> None:
    """A run of a login session was killed, and one of cron(8), which has no XDG_RUNTIME_DIR, comes after it."""
    user = Engine.of(str(rootless.option("user") or Path("/etc/subuid").read_text().split(":")[0])).account
    assert user is not None
    before = _pids_of(user.name)
    with tempfile.TemporaryDirectory() as place:  # pytest's own are closed to other users
        top = Path(place)
        os.chown(top, user.uid, user.gid)
        (top / "session").mkdir(0o700)
        os.chown(top / "session", user.uid, user.gid)
        site = [path for path in sys.path if path.endswith("site-packages")]
        here = os.pathsep.join([str(Path(__file__).parents[2]), *site])
        environ = {"PATH": os.environ["PATH"], "HOME": place, "TMPDIR": place, "PYTHONPATH": here}

        def run(program: str, **more: str) -> str:
            done = subprocess.run(
                [python_for_all(), "-c", program], env=environ | more, cwd=top, capture_output=True, text=True,
                timeout=120, user=user.uid, group=user.gid, extra_groups=[],
            )  # fmt: skip
            assert done.returncode in (0, -signal.SIGKILL), done.stderr
            return done.stdout

        # What is there already, in the place of who has no XDG_RUNTIME_DIR, is somebody's, and stays.
        (top / "other").mkdir(0o700)
        os.chown(top / "other", user.uid, user.gid)
        theirs = int(run(ASKS, HOME=os.fspath(top / "other")))
        try:
            left = int(run(LEAVES, XDG_RUNTIME_DIR=os.fspath(top / "session")))
            assert left in _pids_of(user.name) - before - {theirs}
            assert "removed podman:pause\n" in run(CLEANS)
            assert _pids_of(user.name) <= before | {theirs}
            assert psutil.pid_exists(theirs)
        finally:
            os.kill(theirs, signal.SIGTERM)


def _pids_of(user: str) -> set[int]:
    uid = pwd.getpwnam(user).pw_uid
    return {int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and p.exists() and p.stat().st_uid == uid}


@pytest.mark.skipif(not ROOT, reason="limits are for root here")
def test_limits_are_in_the_boxes_own_group(lifetime: Lifetime, spec: BoxSpec) -> None:
    with started(lifetime, spec, memory=64 * MIB, pids=40, cpus=0.5) as box:
        group = box.parts.group
        assert group is not None
        limit = group.file("memory", "memory.limit_in_bytes", "memory.max")
        assert limit is not None
        assert limit.read_text().strip() == str(64 * MIB)
        pids = group.file("pids", "pids.max", "pids.max")
        assert pids is not None
        assert pids.read_text().strip() == "40"


def test_options_of_podman_run_arrive(lifetime: Lifetime, spec: BoxSpec) -> None:
    with started(lifetime, parse("podman:cap_drop=ALL,security_opt=no-new-privileges")) as box:
        assert int(status(box, "CapEff")[0], 16) == 0
        assert status(box, "NoNewPrivs") == ["1"]
    with started(lifetime, spec.weakened(weaken.drop("seccomp"))) as box:
        assert status(box, "Seccomp") == ["0"]


@pytest.mark.skipif(not ROOT, reason="limits are for root here")
@pytest.mark.parametrize("text", ["podman", "podman:cap_drop=MKNOD+"])
def test_conmon_writes_nothing_in_the_users_directory(
    lifetime: Lifetime, spec: BoxSpec, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes a file `oom` where it was started when a process of the container ran out of memory."""
    monkeypatch.chdir(tmp_path)
    with started(lifetime, parse(text), memory=32 * MIB) as box, box.spawn() as proc:
        conmon = Path(f"/proc/{box.parts.init_pid}/stat").read_text().rpartition(")")[2].split()[1]
        place = Path(f"/proc/{conmon}/cwd").resolve()
        with suppress(ProcLost):
            hog(proc, 64 * MIB)
        deadline = time.monotonic() + 5
        while not (written := list(place.glob("oom"))) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert written, "conmon did not see that memory ran out"
    assert list(tmp_path.iterdir()) == []
    assert not place.exists()


def test_a_path_in_an_option_counts_from_the_users_directory(
    lifetime: Lifetime, spec: BoxSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "box.env").write_text("FROM_THE_FILE=yes\n")
    monkeypatch.chdir(tmp_path)
    with started(lifetime, parse("podman:env_file=box.env")) as box:
        assert b"FROM_THE_FILE=yes" in Path(f"/proc/{box.parts.init_pid}/environ").read_bytes().split(b"\0")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("podman:cap_ad=ALL", "did you mean 'cap_add'"),
        ("podman:tty=true", "change the agent's bytes"),
        ("podman:pids_limit=3", "pids=..."),
        ("podman:user=root", "only with rootless=true"),
        ("podman:rootless=maybe", "expected true or false"),
        ("podman:rootless=true,user=no-such-user", "no such account"),
        ("podman:rootless=true,user=root", "without privileges"),
    ],
)
@pytest.mark.skipif(not ROOT, reason="some of these are for root")
def test_bad_options_are_one_paragraph(spec: BoxSpec, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        technology("podman").check_available(parse(text))


def test_an_image_that_is_not_there_is_not_pulled(spec: BoxSpec) -> None:
    with pytest.raises(Unavailable, match="nothing is pulled"):
        technology("podman").check_available(parse("podman:image=no-such-image"))


def test_a_users_image(lifetime: Lifetime, spec: BoxSpec) -> None:
    tag = f"localhost/users-own-{os.getpid()}"
    Engine().command("import", "--quiet", "-", tag, given=base_image().to_tar())
    try:
        with started(lifetime, spec, image=tag, read_only=True) as box:
            assert box.proc.faccessat(AT_FDCWD, "/agent", os.F_OK).ok, "not the image that was asked for"
        with pytest.raises(BoxError, match="somebody else's"):
            Engine().remove("image", tag)
    finally:
        Engine().command("image", "rm", tag)


def test_what_a_killed_run_left_is_removed(spec: BoxSpec) -> None:
    script = (
        "import time; from pytest_isolation import BoxSpec; from pytest_isolation.boxes.lifetime import Lifetime\n"
        "from pytest_isolation.technologies import technology\n"
        "box = technology('podman').launch(BoxSpec(technology='podman'), Lifetime())\n"
        "print(box.parts.name, flush=True); time.sleep(600)"
    )
    import sys

    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        process.kill()
    assert name.startswith("pytest-isolation-")
    done = clean()
    assert not [one for one in done if one.outcome.startswith("kept") and one.kind.startswith("podman")], done
    listed = Engine().command("ps", "--all", "--format", "{{.Names}}")
    assert name not in listed.split()
    assert name.split("-")[2] not in Engine().command("images", "--format", "{{.Tag}}")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a Podman of root's has its layers that nobody else uses: containers-storage.conf(5)."""
    if not ROOT:
        pytest.skip("a user's Podman mounts in a namespace of its own")
    place, said = tmp_path / "containers" / "storage", tmp_path / "storage.conf"
    said.write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{place}"\nrunroot = "{tmp_path / "run"}"\n')
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", os.fspath(said))
    return place


def _mounted(below: Path) -> list[str]:
    return [point for point in mount_points() if point.startswith(f"{below}/")]


def test_a_command_that_fails_leaves_no_mount(spec: BoxSpec, store: Path) -> None:
    """red: Podman mounts its store onto itself, and does not take that away where the command fails."""
    Engine().command("ps")
    with pytest.raises(BoxError, match="no-such-container"):
        Engine().command("container", "inspect", "no-such-container")
    assert store.is_dir()
    assert _mounted(store) == []


def test_a_box_that_cannot_start_leaves_no_mount(spec: BoxSpec, store: Path) -> None:
    own = Lifetime()
    with pytest.raises(BoxError, match="no-such"):
        technology("podman").launch(parse("podman:network=no-such"), own)
    own.close()
    assert store.is_dir()
    assert _mounted(store) == []


MAPPED = ("uidmap=0:100000:2000", "gidmap=0:100000:2000")


@pytest.mark.parametrize("id", ["port.image-config-honoured.identity", "port.same-image-same-result"])
def test_ids_that_the_box_does_not_map_are_not_asked_of_it(id: str) -> None:
    """The engine refuses such a box, which says nothing of what it does with ids that there are."""
    need("podman")
    with new_pool() as pool:
        box = pool.box(parse("podman:" + ",".join(MAPPED)))
        for asked in (1, 1999, 2000, 139_676):
            uid, gid = ids_of(box, asked, asked)
            assert 0 < uid == gid < 2000
        assert ids_of(box, 1999, 7) == (1999, 7)
        promise, test = next(one for one in built_in_checks() if one[0].id == id)
        ran = run_property(promise, test, box, examples=2, seed=1)
        assert (ran.trouble, ran.violation, ran.unsupported) == (None, None, None)
        assert ran.decided
