"""The OCI runtimes: keywords, limits, the exec door, whether the runtime named is the runtime used, clean-up."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import Box, BoxError, BoxSpec, Unavailable, Unsupported, UsageError, Volume, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.capabilities import number_of
from pytest_isolation.technologies.clean import clean
from tests.proc import status
from tests.support import need, started

MIB = 1 << 20
EROFS = 30
ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="control groups are for root here")


@pytest.fixture(scope="module", params=["runc", "crun"])
def spec(request: pytest.FixtureRequest) -> BoxSpec:
    return need(request.param)


def options(spec: BoxSpec, **more: Any) -> BoxSpec:
    return replace(spec, options=tuple(sorted({**dict(spec.options), **more}.items())))


def mounts_of(box: Box) -> set[str]:
    return {line.split()[4] for line in Path(f"/proc/{box.parts.init_pid}/mountinfo").read_text().splitlines()}


def limits_of(box: Box) -> dict[str, str]:
    files = {
        "memory": ("memory.limit_in_bytes", "memory.max"),
        "pids": ("pids.max", "pids.max"),
        "cpu": ("cpu.cfs_quota_us", "cpu.max"),
    }
    found = {}
    for controller, names in files.items():
        assert box.parts.group is not None
        file = box.parts.group.file(controller, *names)
        assert file is not None
        found[controller] = file.read_text().split()[0]
    return found


LIMITS = {"memory": str(64 * MIB), "pids": "40", "cpu": "50000"}


@as_root
def test_limits_are_the_runtimes(lifetime: Lifetime, spec: BoxSpec) -> None:
    with started(lifetime, spec, memory=64 * MIB, pids=40, cpus=0.5) as box:
        assert limits_of(box) == LIMITS


@as_root
@pytest.mark.parametrize("what", ["memory", "pids", "cpu"])
def test_unlimited_leaves_one_out(lifetime: Lifetime, spec: BoxSpec, what: str) -> None:
    asked = replace(spec, memory=64 * MIB, pids=40, cpus=0.5).weakened(weaken.unlimited(what))
    with started(lifetime, asked) as box:
        found = limits_of(box)
        assert {key for key in LIMITS if found[key] != LIMITS[key]} == {what}


def test_the_defaults_are_those_of_spec(lifetime: Lifetime, spec: BoxSpec) -> None:
    with started(lifetime, spec) as box:
        pid = box.parts.init_pid
        kept = sum(1 << number_of(name) for name in ("AUDIT_WRITE", "KILL", "NET_BIND_SERVICE"))
        assert int(status(pid, "CapEff"), 16) == kept
        assert (status(pid, "NoNewPrivs"), status(pid, "Seccomp")) == ("1", "0")
        assert "/proc/sys" in mounts_of(box)


def test_drop_masks(lifetime: Lifetime, spec: BoxSpec) -> None:
    with started(lifetime, spec.weakened(weaken.drop("masks"))) as box:
        assert "/proc/sys" not in mounts_of(box)


def test_capabilities_are_added(lifetime: Lifetime, spec: BoxSpec) -> None:
    with started(lifetime, options(spec, cap_add=("CHOWN", "CAP_SETUID"))) as box:
        found = int(status(box.parts.init_pid, "CapEff"), 16)
        assert found & 1 << number_of("CHOWN")
        assert found & 1 << number_of("SETUID")


@pytest.mark.parametrize("kind", ["pid", "net", "ipc", "uts"])
def test_join_sibling(lifetime: Lifetime, spec: BoxSpec, kind: str) -> None:
    with started(lifetime, spec.weakened(weaken.join_sibling(kind))) as box:
        names = [os.readlink(f"/proc/{one.parts.init_pid}/ns/{kind}") for one in (box, box.sibling)]
        assert names[0] == names[1] != os.readlink(f"/proc/self/ns/{kind}")


@as_root
def test_drop_cgroup_ro(lifetime: Lifetime, spec: BoxSpec) -> None:
    def errno(box: Box) -> int:
        places = [path for path in mounts_of(box) if path == "/sys/fs/cgroup/pids"] or ["/sys/fs/cgroup"]
        return box.proc.mkdirat(AT_FDCWD, f"{places[0]}/made", 0o755).errno

    with started(lifetime, spec) as box:
        assert errno(box) == EROFS
    with started(lifetime, spec.weakened(weaken.drop("cgroup-ro"))) as box:
        assert errno(box) == 0


@as_root
def test_drop_propagation_lets_a_mount_out(lifetime: Lifetime, spec: BoxSpec) -> None:
    def seen(*holes: Any) -> bool:
        with started(lifetime, spec.weakened(weaken.grant("SYS_ADMIN"), *holes)) as box:
            assert box.proc.mkdirat(AT_FDCWD, "/mnt/out", 0o755).ok
            assert box.proc.mount("pytest-isolation-out", "/mnt/out", "tmpfs", 0).ok
            return "pytest-isolation-out" in Path("/proc/self/mountinfo").read_text()

    assert not seen()
    assert seen(weaken.drop("propagation"))
    assert "pytest-isolation-out" not in Path("/proc/self/mountinfo").read_text()


def test_drop_close_fds_leaves_a_directory_open(lifetime: Lifetime, spec: BoxSpec) -> None:
    with started(lifetime, spec.weakened(weaken.drop("close-fds"))) as box:
        assert os.readlink(f"/proc/{box.parts.init_pid}/fd/3") == "/"


def test_drop_private_root(lifetime: Lifetime, spec: BoxSpec) -> None:
    with started(lifetime, spec) as box:
        box.write_file("/tmp/mine", b"mine")
        assert not box.sibling.proc.faccessat(AT_FDCWD, "/tmp/mine", os.F_OK).ok
    with started(lifetime, spec.weakened(weaken.drop("private-root"))) as box:
        box.write_file("/tmp/mine", b"mine")
        assert box.sibling.proc.faccessat(AT_FDCWD, "/tmp/mine", os.F_OK).ok


def test_who_enters_has_what_the_first_has(lifetime: Lifetime, spec: BoxSpec) -> None:
    with started(lifetime, spec, env=(("TOKEN", "value"),), workdir="/tmp") as box:
        entered = box.enter()
        assert entered.getpid().value > 1
        for key in ("CapEff", "NoNewPrivs", "Seccomp"):
            inside = entered.openat(AT_FDCWD, "/proc/self/status", os.O_RDONLY)
            text = entered.read(inside.value, 8192).data.decode()
            assert text.split(f"{key}:")[1].split()[0] == status(box.parts.init_pid, key)
        environ = entered.openat(AT_FDCWD, "/proc/self/environ", os.O_RDONLY)
        assert b"TOKEN=value" in entered.read(environ.value, 8192).data


def test_who_entered_is_gone_when_it_has_ended(lifetime: Lifetime, spec: BoxSpec) -> None:
    """A process that nobody waits for still counts in the group."""
    with started(lifetime, spec) as box:
        assert box.parts.group is not None
        before = box.parts.group.tasks()
        entered = box.enter()
        assert box.parts.group.tasks() == before + 1
        entered.agent.close()
        assert box.parts.group.tasks() == before
        assert box.alive


def test_rootless(lifetime: Lifetime, spec: BoxSpec) -> None:
    asked = options(spec, rootless="true")
    with started(lifetime, asked) as box:
        pid = box.parts.init_pid
        assert os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user")
        assert Path(f"/proc/{pid}/uid_map").read_text().split() == ["0", str(os.getuid()), "1"]
        # runc's `spec --rootless` lists no network namespace, crun's does.
        shared = os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net")
        assert shared is (spec.technology == "runc")
        assert box.enter().getpid().ok
    with started(lifetime, asked, network="none") as box:
        assert os.readlink(f"/proc/{box.parts.init_pid}/ns/net") != os.readlink("/proc/self/ns/net")
    with pytest.raises(Unsupported, match="one user, root"):
        technology(spec.technology).check_available(replace(asked, uid=5))


@pytest.mark.parametrize(
    ("change", "told"),
    [("network=bridge", "network=bridge"), ("cgroupns=maybe", "cgroupns=maybe"), ("rootless=maybe", "rootless=maybe")],
)
def test_a_value_that_is_none(spec: BoxSpec, change: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        technology(spec.technology).check_available(parse(f"{spec.technology}:{change}"))


def test_an_unknown_capability(lifetime: Lifetime, spec: BoxSpec) -> None:
    with pytest.raises(UsageError, match="no capability is called 'FLY'"):
        technology(spec.technology).launch(options(spec, cap_add="FLY"), lifetime)


def test_its_own_words_when_it_fails(lifetime: Lifetime, spec: BoxSpec) -> None:
    with pytest.raises(BoxError, match=rf"{spec.technology} run ended with \d+; it said: .*/dev/null"):
        technology(spec.technology).launch(replace(spec, workdir="/dev/null/no/such/place"), lifetime)
    assert not any(lifetime.directory.joinpath(spec.technology).iterdir())


# -- is the runtime named the runtime used? ----------------------------------------------


def _in_path(monkeypatch: pytest.MonkeyPatch, place: Path, name: str, script: str) -> None:
    shim = place / name
    shim.write_text(f"#!/bin/sh\n{script}\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")


def test_another_program_of_that_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec: BoxSpec) -> None:
    _in_path(monkeypatch, tmp_path, spec.technology, "echo 'other version 1.0'")
    with pytest.raises(Unavailable, match=r"says it is 'other version 1\.0'"):
        technology(spec.technology).check_available(spec)


def test_a_program_that_keeps_no_state(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lifetime: Lifetime, spec: BoxSpec
) -> None:
    """It says it is the runtime, and runs the agent bare."""
    real = shutil.which(spec.technology)
    script = f"""for last; do :; done
case "$*" in
*--version*|*spec*) exec {real} "$@";;
*" run "*) while [ "$1" != --pid-file ]; do shift; done; pid=$2; root={lifetime.directory}
  agent=$(ls -t $root/root-*/agent | head -1); exec 3<&0; "$agent" <&3 3<&- & echo $! >"$pid"; exit 0;;
esac"""
    _in_path(monkeypatch, tmp_path, spec.technology, script)
    with pytest.raises(BoxError, match="keeps no state of pytest-isolation-"):
        technology(spec.technology).launch(spec, lifetime)


def test_another_runtime_behind_the_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lifetime: Lifetime) -> None:
    """A program that says it is runc, and is gVisor."""
    spec, real = need("runc"), shutil.which("runc")
    script = f"""case "$*" in
*--version*|*spec*) exec {real} "$@";;
*) exec runsc --platform=ptrace --network=none "$@";;
esac"""
    _in_path(monkeypatch, tmp_path, "runc", script)
    with pytest.raises(BoxError, match=r"what was started is not runc"):
        technology("runc").launch(spec, lifetime)


# -- where it stops ------------------------------------------------------------------------


@pytest.mark.skipif(cgroups.mode() != "hybrid", reason="no hybrid host")
def test_crun_refuses_a_hybrid_host_in_its_own_words(lifetime: Lifetime, monkeypatch: pytest.MonkeyPatch) -> None:
    need("crun")
    one, bare = technology("crun"), BoxSpec(technology="crun")
    with pytest.raises(Unavailable, match=r"crun refuses this host: .*; boot with .* give hide_unified=true") as caught:
        one.check_available(bare)
    monkeypatch.setattr("pytest_isolation.technologies.crun.refuses_this_host", lambda: False)
    with pytest.raises(BoxError) as real:
        one.launch(bare, lifetime)
    assert caught.value.reason.partition(": ")[2] in str(real.value)


def test_volumes(lifetime: Lifetime, spec: BoxSpec) -> None:
    with started(lifetime, spec, volumes=(Volume(target="/srv"),)) as box:
        box.write_file("/srv/file", b"data")
        assert (box.parts.volumes["/srv"] / "file").read_bytes() == b"data"


def test_a_killed_run_is_cleaned(spec: BoxSpec) -> None:
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        made = Lifetime()
        box = technology(spec.technology).launch(spec, made)
        os.write(writer, f"{made.directory} {box.parts.id} {box.parts.init_pid}".encode())
        os.kill(os.getpid(), 9)
    os.close(writer)
    place, identity, _ = os.read(reader, 1000).decode().split()
    os.close(reader)
    os.waitpid(child, 0)
    state = Path(place, spec.technology)
    assert any(identity in name for name in os.listdir(state))
    done = [one for one in clean() if one.run == Path(place).name]
    kinds = {one.kind: one.outcome for one in done}
    assert kinds[f"{spec.technology}:container"] == "removed", done
    assert kinds["directory"] == "removed", done
    assert not Path(place).exists()
    groups = (group for group, _, _ in os.walk("/sys/fs/cgroup"))  # others' may go while it walks
    assert not [group for group in groups if group.endswith(f"/pytest-isolation/{Path(place).name}")]
