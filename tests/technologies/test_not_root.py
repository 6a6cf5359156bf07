"""The suite as an ordinary user: every cell has a verdict or a reason, what lacks is said once, and nothing is left."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import tempfile
from pathlib import Path

import psutil
import pytest

from pytest_isolation.errors import NO_CONTROL_GROUPS, NOT_ROOT, ONE_ID
from tests.runs import Done, run, run_as
from tests.support import COMMAND, need

ROOT = os.geteuid() == 0
STARTED = ("host", "namespaces", "bubblewrap", "podman", "runc", "gvisor", "qemu", "command")
"""What such a user can start where all of it is installed."""
NOT_STARTED = ("chroot", "cgroup", "nspawn")
ONLY = (
    "cg.mem.enforced", "daemon.socket-unreachable", "dev.block-unreadable", "mnt.chroot-escape-blocked",
    "mnt.mount-denied", "mnt.open-by-handle-denied", "mnt.writes-not-shared", "net.host-loopback-unreachable",
    "pid.ptrace-cross-refused", "pid.siblings-hidden", "pid.signal-out-refused",
    "exec.same-cgroup", "exec.same-user", "port.image-config-honoured.identity", "proc.vm-unwritable",
    "uts.host-name-unchangeable",
)  # fmt: skip
"""One of every kind: with a sibling, a limit, a mount, another user, and holes for root."""
FOR_ROOT_TOO = ("a kernel of its own", "has no way into a running box")
"""What root cannot measure either."""


def account() -> pwd.struct_passwd:
    """An ordinary user with subordinate ids; dev/setup makes one."""
    if not ROOT:
        return pwd.getpwuid(os.geteuid())
    names = [line.split(":")[0] for line in Path("/etc/subuid").read_text().splitlines()]
    return next(one for one in pwd.getpwall() if one.pw_name in names and one.pw_uid)


def as_user(*arguments: str, **how: object) -> Done:
    if not ROOT:
        return run(Path.cwd(), *arguments, **how)
    user = account()  # not in its home: Podman notes there, for good, which temporary directory its first command had
    return run_as(user.pw_uid, *arguments, gid=user.pw_gid, **how)


def alive(user: int, place: str) -> list[str]:
    """The user's processes that know of `place`, the run's directory: the account may have others."""
    found = []
    for one in psutil.process_iter():
        try:
            if one.uids().real == user and place in f"{one.environ()} {one.exe()} {one.cmdline()}":
                found.append(f"{one.pid} {one.name()}")
        except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
            continue
    return found


@pytest.fixture(scope="module")
def done() -> Done:
    for name in STARTED:
        if name != "host":
            need(name)
    boxes = [f"--box={name}" for name in (*STARTED, *NOT_STARTED) if name != "command"]
    return as_user(
        "-v",
        "--isolation",
        *boxes,
        f'--box=command:"{COMMAND}"',
        f"--isolation-only={','.join(ONLY)}",
        "--isolation-examples=3",
        "-n2",
        timeout=400,
    )


def test_every_cell_has_a_verdict_or_a_reason(done: Done) -> None:
    done.said()
    assert {(row["box"], row["guarantee"]) for row in done.rows.values()} == {
        (box, guarantee) for box in STARTED for guarantee in ONLY
    }
    undecided = [(at, row["reason"]) for at, row in done.rows.items() if row["verdict"] in ("vacuous", "inconclusive")]
    assert undecided == []
    assert [row for row in done.rows.values() if row["verdict"] == "unsupported" and not row["reason"]] == []
    assert [row for row in done.rows.values() if row["control"] == "none" and not row["reason"]] == []


def test_boxes_of_an_ordinary_user_isolate(done: Done) -> None:
    held = {box: sum(row["verdict"] == "holds" for row in done.rows.values() if row["box"] == box) for box in STARTED}
    assert held["host"] < 6, held
    assert all(held[box] >= 7 for box in STARTED if box not in ("host", "command")), held
    proven = {row["guarantee"] for row in done.rows.values() if row["control"] == "fired"}
    assert {"pid.signal-out-refused", "mnt.mount-denied", "net.host-loopback-unreachable"} <= proven


def test_facts_of_the_boxes(done: Done) -> None:
    facts = {box["name"]: box["spec"].get("facts", {}) for box in done.report["boxes"]}
    assert facts["host"]["capabilities"] == "none"
    assert facts["host"]["seccomp_filters"] == 0
    assert facts["namespaces"]["user_namespace"]
    assert 0 < int(facts["namespaces"]["capabilities"]) < 20
    assert facts["podman"]["rootless"]
    assert facts["podman"]["seccomp_filters"] >= 1
    assert facts["podman"]["storage_driver"]
    assert facts["runc"]["rootless"]
    assert facts["runc"]["no_new_privileges"]
    assert facts["gvisor"]["platform"] in ("systrap", "ptrace")
    assert facts["qemu"]["accel"] == "tcg"
    assert all(box["version"] for box in done.report["boxes"] if box["available"])


def test_what_lacks_is_said_once_with_one_remedy(done: Done) -> None:
    remedies: dict[str, set[str | None]] = {}
    for row in [*done.rows.values(), *done.report["boxes"]]:
        if row["cause"] is not None:
            remedies.setdefault(row["cause"], set()).add(row["remedy"])
    assert {cause.what for cause in (NOT_ROOT, ONE_ID, NO_CONTROL_GROUPS)} <= set(remedies)
    assert all(len(told) == 1 and None not in told for told in remedies.values()), remedies
    alone = [
        (row["box"], row["guarantee"])
        for row in done.rows.values()
        if row["verdict"] == "unsupported"
        and not row["cause"]
        and not any(one in row["reason"] for one in FOR_ROOT_TOO)
    ]
    assert alone == [("command", "mnt.writes-not-shared")], "root would measure it, and the row does not say so"
    summary = " ".join(done.out.partition("unsupported: the box cannot be asked")[2].split())
    for cause in remedies:
        assert summary.count(cause) == 1, cause
    assert f"{NOT_ROOT.what} do: {NOT_ROOT.remedy} not started: chroot, nspawn;" in summary


def test_nothing_of_the_user_is_left(done: Done) -> None:
    user = account().pw_uid
    place = f"/tmp/pytest-isolation-{user}-{os.getpid()}"
    assert any(f"{place}/work-tmp" in one for one in done.report["run"]["argv"])
    assert alive(user, place) == []


@pytest.mark.skipif(not ROOT, reason="another user's run is started as root")
def test_who_has_no_keys_is_shown_some_where_nothing_is_masked() -> None:
    """keyrings(7): /proc/keys shows a user's own keys; this one has no process but ours, and so none."""
    need("bubblewrap")
    done = run_as(
        54321,
        "--isolation",
        "--box=bubblewrap",
        "--box=namespaces",
        "--isolation-only=proc.masked-unreadable",
    )
    assert done.rows["bubblewrap", "proc.masked-unreadable"]["verdict"] == "violated", done.out
    assert done.rows["namespaces", "proc.masked-unreadable"]["verdict"] == "holds", done.out


@pytest.mark.skipif(not ROOT, reason="another user's run is started as root")
def test_a_daemon_that_lets_this_user_in_is_found_without_a_listener_of_ours() -> None:
    """As for who is in the group docker: a /run that is not the user's, and a daemon's socket in it that is open."""
    need("bubblewrap")
    place = Path(tempfile.mkdtemp(prefix="daemon-"))
    try:
        place.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as daemon:
            daemon.bind(os.fspath(place / "crio.sock"))
            (place / "crio.sock").chmod(0o777)
            daemon.listen(1000)
            before = ("bwrap", "--dev-bind", "/", "/", "--perms", "0555", "--tmpfs", "/run")
            before += ("--ro-bind", os.fspath(place), "/run/crio")
            done = as_user("--isolation", "--box=host", "--isolation-only=daemon.socket-unreachable", before=before)
    finally:
        shutil.rmtree(place)
    assert done.rows["host", "daemon.socket-unreachable"]["verdict"] == "violated", done.out


@pytest.mark.skipif(not ROOT, reason="another user's run is started as root")
def test_what_a_machine_tells_of_a_daemons_box_to_root_alone_is_no_fault_of_the_check() -> None:
    """Who is in the group docker starts containers, and may not look at their processes."""
    need("docker")
    daemon = os.stat("/var/run/docker.sock").st_gid
    only = (
        "cap.bpf-not-given", "env.secret-not-given", "vol.data-not-given", "pid.signal-in-sender-zero",
        "life.pause-stops-started", "cg.cannot-raise-own",
    )  # fmt: skip
    done = as_user("--isolation", "--box=docker", *(f"--isolation-only={one}" for one in only), groups=(daemon,))
    assert done.code == 0, done.out
    rows = {id: done.rows["docker", id] for id in only}
    assert [row["verdict"] for row in rows.values()] == ["unsupported"] * 4 + ["holds"] * 2
    assert "/proc/PID/ns/user of the machine" in rows["cap.bpf-not-given"]["reason"]
    assert [rows[id]["control"] for id in only[4:]] == ["none"] * 2


# -- one cause takes many boxes away ---------------------------------------------------------------------------


def listed(done: Done) -> dict[str, tuple[str, str]]:
    """Box -> why it is not available and what to do, as --isolation-list says; those that are, are left out."""
    done.said()
    found, name = {}, ""
    for line in done.out.partition("\nguarantees")[0].splitlines()[1:]:
        word, said, rest = (*line.split(maxsplit=2), "", "")[:3]
        if said == "unavailable":
            name = word
            found[name] = (rest, "")
        elif word == "to":
            found[name] = (found[name][0], line.partition("do:")[2].strip())
    return found


USER_NAMESPACES = ("namespaces", "bubblewrap", "lxc", "runc", "gvisor", "podman")
NONE_ALLOWED = 'echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --inh-caps=-all --ambient-caps=-all "$@"'


def test_no_user_namespaces() -> None:
    """user_namespaces(7): the limit of a namespace counts for those below it."""
    for name in USER_NAMESPACES:
        need(name)
    before = ("unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c", NONE_ALLOWED, "sh")
    if not ROOT:
        pytest.skip("another user's run is started as root")
    told = listed(as_user("--isolation-list", before=before, report=False))
    assert {told[name] for name in USER_NAMESPACES} == {
        (
            "this user may make no user namespace (clone(0, 0x10000000) = -1 ENOSPC)",
            "as root: sysctl user.max_user_namespaces=10000",
        )
    }
    assert "host" not in told and "qemu" not in told


@pytest.mark.skipif(not ROOT, reason="another user's run is started as root")
def test_a_user_that_is_in_no_file() -> None:
    """As in a container that was started with --user 54321: no name, no home, no subordinate ids."""
    need("podman")
    told = listed(run_as(54321, "--isolation-list", report=False))
    assert told["podman"] == (
        "the user 54321 has no range in /etc/subuid",
        "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 54321",
    )
    assert "namespaces" not in told


@pytest.mark.skipif(not ROOT, reason="another user's run is started as root")
def test_kernel_images_are_for_root(tmp_path: Path) -> None:
    """As on Ubuntu."""
    need("qemu")
    need("bubblewrap")
    boot = Path(tempfile.mkdtemp(prefix="boot-"))
    try:
        boot.chmod(0o755)
        (boot / "vmlinuz-6.8.0-1-generic").touch(mode=0o600)
        before = ("bwrap", "--dev-bind", "/", "/", "--bind", str(boot), "/boot")
        told = listed(as_user("--isolation-list", before=before, report=False))
    finally:
        shutil.rmtree(boot)
    assert told["qemu"] == (
        "no kernel image in /boot can be read by this user (vmlinuz-6.8.0-1-generic)",
        "as root: chmod a+r /boot/vmlinuz-6.8.0-1-generic; or name a readable copy: --box qemu:kernel=PATH",
    )
