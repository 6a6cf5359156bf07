"""What the technologies that start a program of the host have in common: namespaces, roots, limits, ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation import Box, BoxSpec, Unsupported, Volume, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.lifetime import Lifetime, state_directory
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.capabilities import number_of
from pytest_isolation.technologies.clean import clean
from tests.proc import namespace, status
from tests.support import need, opens_files_of_the_host, started

LAUNCHERS = ("bubblewrap", "nspawn", "lxc", "runc", "crun")
EROFS = 30
ROOT = os.geteuid() == 0
GRANTED = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH", "SYS_NICE")


@pytest.fixture(scope="module", params=LAUNCHERS)
def spec(request: pytest.FixtureRequest) -> BoxSpec:
    return need(request.param)


@pytest.fixture(scope="module")
def plain(lifetime: Lifetime, spec: BoxSpec) -> Iterator[Box]:
    with started(lifetime, spec) as box:
        yield box


def opens(spec: BoxSpec, *holes: Weakening) -> None:
    """Skips a hole this technology does not say it opens."""
    if not technology(spec.technology).weakenings() >= set(holes):
        pytest.skip(f"{spec.technology} does not open {', '.join(map(str, holes))}")


@pytest.mark.parametrize("kind", ["pid", "net", "ipc", "uts", "user", "cgroup"])
def test_share_gives_the_hosts_namespace(lifetime: Lifetime, spec: BoxSpec, plain: Box, kind: str) -> None:
    opens(spec, weaken.share(kind))
    if kind == "net" and spec.technology == "nspawn":
        # nspawn is in the host's network unless it is told otherwise.
        spec = replace(spec, network="none")
        with started(lifetime, spec) as box:
            assert namespace(box.parts.init_pid, kind) != namespace(os.getpid(), kind)
    elif kind == "cgroup" and "cgroupns" in technology(spec.technology).keywords:
        with started(lifetime, spec, options=(*spec.options, ("cgroupns", "private"))) as box:
            assert namespace(box.parts.init_pid, kind) != namespace(os.getpid(), kind)
    else:
        assert namespace(plain.parts.init_pid, kind) != namespace(os.getpid(), kind)
    with started(lifetime, spec.weakened(weaken.share(kind))) as box:
        assert namespace(box.parts.init_pid, kind) == namespace(os.getpid(), kind)
        others = {"pid", "net", "ipc", "uts", "cgroup"} - {kind}
        own = {other for other in others if namespace(plain.parts.init_pid, other) != namespace(os.getpid(), other)}
        assert all(namespace(box.parts.init_pid, other) != namespace(os.getpid(), other) for other in own)


def test_the_agent_is_the_first_process(lifetime: Lifetime, spec: BoxSpec, plain: Box) -> None:
    assert plain.proc.getpid().value == 1
    opens(spec, weaken.drop("init"))
    with started(lifetime, spec.weakened(weaken.drop("init"))) as box:
        assert box.proc.getpid().value > 1
        inside = f"NSpid:\t{box.parts.init_pid}\t{box.proc.getpid().value}\n"
        assert inside in Path(f"/proc/{box.parts.init_pid}/status").read_text()


@pytest.mark.parametrize("name", GRANTED)
def test_grant_gives_a_capability_over_the_host(lifetime: Lifetime, spec: BoxSpec, plain: Box, name: str) -> None:
    opens(spec, weaken.grant(name))
    bit = 1 << number_of(name)
    kept = name in {"nspawn": ("SYS_ADMIN", "SYS_PTRACE", "SYS_NICE"), "lxc": GRANTED}.get(spec.technology, ())
    assert bool(int(status(plain.parts.init_pid, "CapEff"), 16) & bit) is kept
    with started(lifetime, spec.weakened(weaken.grant(name))) as box:
        assert int(status(box.parts.init_pid, "CapEff"), 16) & bit
        assert namespace(box.parts.init_pid, "user") == namespace(os.getpid(), "user")


@pytest.mark.parametrize("path", ["/", "/tmp", "/run"])
def test_expose_shows_the_hosts_files(lifetime: Lifetime, spec: BoxSpec, plain: Box, path: str) -> None:
    opens(spec, weaken.expose(path))
    opens_files_of_the_host(lifetime, spec, plain, path)


def test_read_only_root_and_volumes(lifetime: Lifetime, spec: BoxSpec) -> None:
    asked = replace(
        spec, read_only=True, volumes=(Volume(target="/data", read_only=True), Volume(target="/srv", nested=ROOT))
    )
    paths = ("/file", "/data/file", "/srv/file", *(["/srv/nested/file"] if ROOT else []))

    def errors(box: Box) -> list[int]:
        return [box.proc.openat(AT_FDCWD, path, os.O_CREAT | os.O_WRONLY, 0o600).errno for path in paths]

    with started(lifetime, asked) as box:
        assert errors(box) == [EROFS, EROFS] + [0] * (len(paths) - 2)
        assert box.proc.openat(AT_FDCWD, "/tmp/file", os.O_CREAT | os.O_WRONLY, 0o600).ok
        assert (box.parts.volumes["/srv"] / "file").exists()
    opens(spec, weaken.drop("read-only"))
    with started(lifetime, asked.weakened(weaken.drop("read-only"))) as box:
        assert errors(box) == [0] * len(paths)


@pytest.mark.skipif(not ROOT, reason="a nested volume is a mount on the host, which is for root")
def test_how_deep_a_read_only_volume_is(lifetime: Lifetime, spec: BoxSpec) -> None:
    """bwrap's --ro-bind and nspawn's --bind-ro go below the mount; the ro of an OCI bundle does not (rro would)."""
    deep = spec.technology in ("bubblewrap", "nspawn")
    asked = replace(spec, volumes=(Volume(target="/data", read_only=True, nested=True),))
    with started(lifetime, asked) as box:
        assert box.proc.openat(AT_FDCWD, "/data/file", os.O_CREAT | os.O_WRONLY, 0o600).errno == EROFS
        below = box.proc.openat(AT_FDCWD, "/data/nested/file", os.O_CREAT | os.O_WRONLY, 0o600)
        assert below.errno == (EROFS if deep else 0)


def test_spec_arrives(lifetime: Lifetime, spec: BoxSpec) -> None:
    asked = replace(spec, hostname="elsewhere", workdir="/tmp", env=(("TOKEN", "a,b c"),))
    with started(lifetime, asked) as box:
        assert b"elsewhere" in box.proc.uname().data
        assert os.readlink(f"/proc/{box.parts.init_pid}/cwd").rstrip("/").endswith("/tmp")
        assert b"TOKEN=a,b c" in Path(f"/proc/{box.parts.init_pid}/environ").read_bytes().split(b"\0")


def test_identity_arrives(lifetime: Lifetime, spec: BoxSpec) -> None:
    if spec.technology == "nspawn":
        with pytest.raises(Unsupported, match="looks a user up"):
            technology("nspawn").check_available(replace(spec, uid=1234))
        return
    with started(lifetime, spec, uid=1234, gid=4321) as box:
        assert (box.proc.getuid().value, box.proc.getgid().value) == (1234, 4321)


def test_nothing_is_open_but_the_channel(plain: Box) -> None:
    """0, 1, 2 and the agent's copies of 0 and 1; no directory, and no file of the host."""
    place = Path(f"/proc/{plain.parts.init_pid}/fd")
    kinds = {int(fd.name): os.readlink(fd).partition(":")[0] for fd in place.iterdir()}
    assert set(kinds.values()) == {"pipe"}, kinds
    assert len(kinds) == 5


@pytest.mark.skipif(not ROOT, reason="control groups are for root here")
def test_it_runs_below_the_guard(plain: Box) -> None:
    assert plain.parts.group is not None
    assert plain.parts.init_pid in plain.parts.group.pids()
    assert "pytest-isolation/" in plain.parts.group.path


def test_the_end_of_the_run_is_its_end(spec: BoxSpec) -> None:
    """SIGKILL of whoever started it: the box ends by itself, and a clean-up finds what is left."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        box = technology(spec.technology).launch(spec, Lifetime())
        os.write(writer, f"{box.parts.init_pid} {box.parts.root}".encode())
        os.kill(os.getpid(), 9)
    os.close(writer)
    pid, place = os.read(reader, 1000).decode().split(" ")
    os.close(reader)
    os.waitpid(child, 0)
    done = [one for one in clean() if place.startswith(f"{state_directory()}/{one.run}/")]
    assert [one.outcome for one in done if one.kind == "directory"][-1] == "removed", done
    assert not any(one.outcome.startswith("kept") for one in done), done
    assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()
    assert not Path(place).exists()
    left = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if place in line]
    assert left == []
