"""LXC's own keywords, holes, doors and errors."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation import Box, BoxError, BoxSpec, Unavailable, Unsupported, UsageError, Volume, weaken
from pytest_isolation.agent.client import Proc
from pytest_isolation.agent.constants import AT_FDCWD, KEYCTL
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.caller import SESSION_KEYRING, Caller
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.guarantees import claims, holes
from pytest_isolation.guarantees.verdicts import Claim
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.start.called import absent
from pytest_isolation.technologies import conformance, subordinate, technology
from pytest_isolation.technologies.capabilities import number_of
from tests import support
from tests.proc import namespace
from tests.runs import run_as_nobody
from tests.support import guarantee_called, need

ONE = technology("lxc")
EPERM, EROFS, S_IFCHR = 1, 30, 0o020000
NAMESPACES = ("pid", "net", "ipc", "uts", "cgroup")
MAPPED = "lxc:unprivileged=true"


@pytest.fixture(autouse=True)
def _there() -> None:
    need("lxc")


def started(lifetime: Lifetime, spec: BoxSpec | str, *holes: Weakening) -> AbstractContextManager[Box]:
    return support.started(lifetime, (parse(spec) if isinstance(spec, str) else spec).weakened(*holes))


def status(pid: int | None, key: str) -> str:
    return Path(f"/proc/{pid}/status").read_text().split(f"\n{key}:")[1].splitlines()[0].strip()


def told(proc: Proc, key: str) -> str:
    """As `status`, from inside."""
    fd = proc.openat(AT_FDCWD, "/proc/self/status", os.O_RDONLY).value
    text = proc.read(fd, 65536).data.decode()
    proc.close(fd)
    return text.split(f"\n{key}:")[1].splitlines()[0].strip()


@pytest.mark.parametrize("case", conformance.CASES, ids=conformance.name_of)
def test_conformance_with_an_id_map(case: conformance.Case) -> None:
    case(ONE, parse(MAPPED))


# -- ids -----------------------------------------------------------------------------------


def test_privileged_is_root(lifetime: Lifetime) -> None:
    with started(lifetime, "lxc") as box:
        assert namespace(box.parts.init_pid, "user") == namespace("self", "user")
    facts = ONE.facts(parse("lxc"))
    assert (facts["own_users"], facts["idmap"]) == (False, None)
    assert (
        claims.resolve(guarantee_called("pid.signal-out-refused"), parse("lxc"), facts=facts).claim is Claim.DISCLAIMED
    )


@pytest.mark.parametrize("text", [MAPPED, f"{MAPPED},idmap=700000:1000"])
def test_an_id_map(lifetime: Lifetime, text: str) -> None:
    facts = ONE.facts(parse(text))
    base, _, size = facts["idmap"].partition(":")
    with started(lifetime, text) as box:
        pid = box.parts.init_pid
        assert namespace(pid, "user") != namespace("self", "user")
        for kind in "ug":
            assert Path(f"/proc/{pid}/{kind}id_map").read_text().split() == ["0", base, size]
        assert status(pid, "Uid").split() == [base] * 4
        box.write_file("/tmp/file", b"data")
        assert box.parts.root is not None
        # The tree is mounted with the map: on disk it is the host's root's, and no other user comes near it.
        assert (box.parts.root / "tmp/file").stat().st_uid == 0
        above = box.parts.root.parent.stat()
        assert (above.st_uid, above.st_gid, stat.S_IMODE(above.st_mode)) == (0, int(base), 0o710)
    assert claims.resolve(guarantee_called("pid.signal-out-refused"), parse(text), facts=facts).claim is Claim.PROMISED


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", "524288:65536"),
        ("somebody:524288:65536\nsomebody:600000:10\n", "655360:65536"),
        ("somebody:100000:65536\nroot:200000:70000\n", "200000:70000"),
        ("0:300000:65536\n", "300000:65536"),
    ],
)
def test_whose_ids(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: str, expected: str) -> None:
    for kind in ("uid", "gid"):
        (tmp_path / f"sub{kind}").write_text(lines)
    monkeypatch.setattr(subordinate, "DIRECTORY", tmp_path)
    assert ONE.facts(parse(MAPPED))["idmap"] == expected


def test_ids_beyond_the_map() -> None:
    with pytest.raises(Unsupported, match=r"uid=70000 .* not both among the 65536 ids"):
        ONE.check_available(replace(parse(MAPPED), uid=70000))
    ONE.check_available(replace(parse(f"{MAPPED},idmap=700000:80000"), uid=70000))


# -- namespaces ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["lxc", MAPPED])
@pytest.mark.parametrize("kind", NAMESPACES)
def test_one_namespace_is_shared_and_no_other(lifetime: Lifetime, text: str, kind: str) -> None:
    with started(lifetime, text, weaken.share(kind)) as box:
        same = {one for one in NAMESPACES if namespace(box.parts.init_pid, one) == namespace("self", one)}
        assert same == {kind}


@pytest.mark.parametrize("text", ["lxc", MAPPED])
@pytest.mark.parametrize("kind", ["pid", "net", "ipc", "uts"])
def test_join_sibling(lifetime: Lifetime, text: str, kind: str) -> None:
    with started(lifetime, text, weaken.join_sibling(kind)) as box:
        one, other = box.parts.init_pid, box.sibling.parts.init_pid
        assert {name for name in NAMESPACES if namespace(one, name) == namespace(other, name)} == {kind}
        assert namespace(one, kind) != namespace("self", kind)


# -- what is taken away ------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_templates(lifetime: Lifetime) -> None:
    with started(lifetime, "lxc") as box:
        pid = box.parts.init_pid
        found = int(status(pid, "CapEff"), 16)
        for name in ("MAC_ADMIN", "MAC_OVERRIDE", "SYS_TIME", "SYS_MODULE", "SYS_RAWIO"):
            assert not found >> number_of(name) & 1, name
        assert found >> number_of("SYS_ADMIN") & 1
        assert status(pid, "Seccomp") == "2"


def test_capabilities(lifetime: Lifetime) -> None:
    with started(lifetime, "lxc:cap_drop=SYS_ADMIN+CAP_KILL") as box:
        found = int(status(box.parts.init_pid, "CapEff"), 16)
        assert not found >> number_of("SYS_ADMIN") & 1
        assert not found >> number_of("KILL") & 1
    with started(lifetime, "lxc", weaken.grant("SYS_TIME")) as box:
        found = int(status(box.parts.init_pid, "CapEff"), 16)
        assert found >> number_of("SYS_TIME") & 1
        assert not found >> number_of("SYS_MODULE") & 1, "only what was granted comes back"


def test_further_lines(lifetime: Lifetime) -> None:
    with started(lifetime, "lxc:config=lxc.no_new_privs=1+") as box:
        assert status(box.parts.init_pid, "NoNewPrivs") == "1"


@pytest.mark.parametrize(("line", "kept"), [("lxc.keyring.session=1", True), ("lxc.keyring.session=0", False)])
def test_what_keeps_its_callers_keyring(lifetime: Lifetime, line: str, kept: bool) -> None:
    """Its manual has the value the other way round: findings/lxc-keyring-session.sh.  So does no advice of ours."""
    with started(lifetime, f"lxc:config={line}+") as box, box.fresh(caller=Caller(key="callers")) as fresh:
        found = fresh.proc.keyctl(KEYCTL.SEARCH, SESSION_KEYRING, "user", "callers", 0)
    assert found.ok if kept else absent(found), found
    advice = holes.why("key.session-not-inherited", ["drop-keyring"], "lxc", {})
    assert advice is not None and advice.remedy.startswith("take lxc.keyring.session = 1 out")


def test_the_filter_can_be_left_out(lifetime: Lifetime) -> None:
    with started(lifetime, "lxc", weaken.drop("seccomp")) as box:
        assert status(box.parts.init_pid, "Seccomp") == "0"


def test_the_masks_can_be_left_out(lifetime: Lifetime) -> None:
    def errno(box: Box) -> int:
        return box.proc.openat(AT_FDCWD, "/proc/sys/kernel/hostname", os.O_WRONLY).errno

    with started(lifetime, "lxc") as box:
        assert errno(box) == EROFS
    with started(lifetime, "lxc", weaken.drop("masks")) as box:
        assert errno(box) == 0


def test_the_device_list_can_be_left_out(lifetime: Lifetime) -> None:
    """A node can be made by all; the kernel log's, 1:11, is not on the list of those that open."""

    def errno(box: Box) -> int:
        box.proc.mknodat(AT_FDCWD, "/tmp/node", S_IFCHR | 0o600, os.makedev(1, 11))
        return box.proc.openat(AT_FDCWD, "/tmp/node", os.O_RDONLY).errno

    with started(lifetime, "lxc") as box:
        assert errno(box) == EPERM
    with started(lifetime, "lxc", weaken.drop("devices")) as box:
        assert errno(box) == 0


# -- limits, volumes, network --------------------------------------------------------------------


@pytest.mark.parametrize("text", ["lxc", MAPPED])
def test_limits_are_lxcs(lifetime: Lifetime, text: str) -> None:
    spec = replace(parse(text), memory=64 << 20, pids=40, cpus=0.5)
    files = {
        "memory": ("memory.limit_in_bytes", "memory.max"),
        "pids": ("pids.max", "pids.max"),
        "cpu": ("cpu.cfs_quota_us", "cpu.max"),
    }
    wanted = {"memory": str(64 << 20), "pids": "40", "cpu": "50000"}

    def found(box: Box) -> dict[str, str]:
        assert box.parts.group is not None
        places = {name: box.parts.group.file(name, *names) for name, names in files.items()}
        return {name: place.read_text().split()[0] for name, place in places.items() if place is not None}

    with started(lifetime, spec) as box:
        assert found(box) == wanted
    for what in wanted:
        with started(lifetime, spec, weaken.unlimited(what)) as box:
            assert {name for name, value in found(box).items() if value != wanted[name]} == {what}


def test_volumes_with_an_id_map(lifetime: Lifetime) -> None:
    spec = replace(parse(MAPPED), volumes=(Volume(target="/data", read_only=True), Volume(target="/srv/a b")))
    with started(lifetime, spec) as box:
        box.write_file("/srv/a b/file", b"data")
        file = box.parts.volumes["/srv/a b"] / "file"
        assert (file.read_bytes(), file.stat().st_uid) == (b"data", 0)
        assert box.proc.openat(AT_FDCWD, "/data/file", os.O_CREAT | os.O_WRONLY, 0o600).errno == EROFS


def test_a_directory_whose_name_ends_in_a_blank(lifetime: Lifetime) -> None:
    image = Image((Entry(path=b"'odd ", kind="dir", mode=0o755),))
    with started(lifetime, replace(parse("lxc"), image=image, workdir="/'odd ")) as box:
        assert box.proc.getcwd().data.rstrip(b"\0") == b"/'odd "


@pytest.mark.parametrize("end", ["\n", "\r"], ids=["line feed", "carriage return"])
def test_what_no_line_can_say(lifetime: Lifetime, end: str) -> None:
    with pytest.raises(Unsupported, match=r"line by line.*lxc.init.cwd"):
        ONE.launch(replace(parse("lxc"), workdir=f"/{end}lxc.net.0.type = none"), lifetime)


@pytest.mark.parametrize(("text", "deep"), [("lxc", False), (MAPPED, True)])
def test_how_deep_a_read_only_volume_is(lifetime: Lifetime, text: str, deep: bool) -> None:
    """The `ro` of fstab is of one mount; an id map is set on all below, and the flag with it."""
    spec = replace(parse(text), volumes=(Volume(target="/data", read_only=True, nested=True),))
    with started(lifetime, spec) as box:
        below = box.proc.openat(AT_FDCWD, "/data/nested/file", os.O_CREAT | os.O_WRONLY, 0o600)
        assert below.errno == (EROFS if deep else 0)


def test_values_a_configuration_cannot_spell(lifetime: Lifetime) -> None:
    values = (("ONE", " both ends "), ("TWO", '"quoted"'), ("THREE", "two\nlines"), ("FOUR", ""), ("FIVE", "a=b #c"))
    with started(lifetime, replace(parse("lxc"), env=values)) as box:
        found = Path(f"/proc/{box.parts.init_pid}/environ").read_bytes().split(b"\0")
        assert {f"{name}={value}".encode() for name, value in values} <= set(found)


def test_a_bridge_of_the_host(lifetime: Lifetime) -> None:
    bridge = f"pti{os.getpid() % 100000:05d}"
    with pytest.raises(Unavailable, match=f"bridge={bridge}: the host has no such bridge"):
        ONE.check_available(parse(f"lxc:network=veth,bridge={bridge}"))
    made = subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no bridge can be made here: {made.stderr.strip()}")
    try:
        with started(lifetime, f"lxc:network=veth,bridge={bridge},address=192.0.2.7/24") as box:
            assert box.parts.address == "192.0.2.7"
            assert len(list(Path("/sys/class/net", bridge, "brif").iterdir())) == 1
            lines = Path(f"/proc/{box.parts.init_pid}/net/dev").read_text().splitlines()[2:]
            assert {line.split(":")[0].strip() for line in lines} == {"lo", "eth0"}
        assert not list(Path("/sys/class/net", bridge, "brif").iterdir())
    finally:
        subprocess.run(["ip", "link", "del", bridge], check=True)


# -- the exec door ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["lxc", MAPPED, "lxc:cap_drop=SYS_ADMIN+"])
def test_who_comes_by_exec_has_no_more(lifetime: Lifetime, text: str) -> None:
    with started(lifetime, text) as box:
        entered = box.enter()
        for key in ("Uid", "Gid", "CapEff", "CapBnd", "Seccomp", "NoNewPrivs"):
            assert told(entered, key) == told(box.proc, key), key
        assert {kind: entered.readlinkat(AT_FDCWD, f"/proc/self/ns/{kind}").data for kind in NAMESPACES} == {
            kind: box.proc.readlinkat(AT_FDCWD, f"/proc/self/ns/{kind}").data for kind in NAMESPACES
        }


def test_exec_as_the_boxs_user(lifetime: Lifetime) -> None:
    with started(lifetime, replace(parse("lxc"), uid=1234, gid=4321)) as box:
        entered = box.enter()
        assert (entered.getuid().value, entered.getgid().value) == (1234, 4321)


def test_exec_without_the_group(lifetime: Lifetime) -> None:
    for hole, joined in ((), 1), ((weaken.drop("exec-group"),), 0):
        with started(lifetime, "lxc", *hole) as box:
            assert box.parts.group is not None
            before = box.parts.group.tasks()
            box.enter()
            assert box.parts.group.tasks() == before + joined


# -- what it leaves, what it says -----------------------------------------------------------------


@pytest.mark.parametrize("text", ["lxc", MAPPED])
def test_what_lxc_leaves_is_put_away(text: str) -> None:
    def places() -> set[Path]:
        groups = {path for root in cgroups.hierarchies().values() for path in root.glob("lxc.*")}
        return groups | set(Path("/tmp").glob("pytest-isolation-lxc-*")) | set(Path("/run/lxc").rglob("*"))

    made, before = Lifetime(), places()  # somebody else's LXC leaves groups, too
    with started(made, text):
        assert any(made.run_id in os.fspath(path) for path in places())
    made.close()
    left = places() - before
    assert not any(made.run_id in os.fspath(path) or path.name.startswith("lxc.") for path in left)


@pytest.mark.parametrize("text", ["lxc", MAPPED])
def test_a_container_that_still_runs_is_stopped_by_name_and_path(lifetime: Lifetime, text: str) -> None:
    with started(lifetime, text) as box, started(lifetime, text) as bystander:
        name = box.parts.id
        place = next(path for path in lifetime.kept.values() if (path / name).is_dir())
        assert not ONE.clean("container", f"{name} {place / 'elsewhere'}")
        assert not ONE.clean("container", f"{name}x {place}")
        assert box.alive
        assert ONE.clean("container", f"{name} {place}")
        assert not box.alive
        assert not ONE.clean("container", f"{name} {place}")
        assert bystander.alive


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lxc:unprivileged=perhaps", "unprivileged=perhaps: expected true or false"),
        ("lxc:idmap=1:2", "idmap belongs to unprivileged=true"),
        ("lxc:unprivileged=true,idmap=some", "idmap=some: expected BASE:SIZE"),
        ("lxc:unprivileged=true,idmap=0:65536", "idmap=0:65536: expected BASE:SIZE"),
        ("lxc:network=bridge", "network=bridge: lxc has none"),
        ("lxc:network=veth", "give bridge=NAME"),
        ("lxc:bridge=lxcbr0", "bridge and address belong to network=veth"),
        ("lxc:cap_drop=FLY+", "no capability is called 'FLY'"),
    ],
)
def test_a_value_that_is_none(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ONE.check_available(parse(text))


def test_its_own_words(lifetime: Lifetime) -> None:
    with pytest.raises(
        BoxError, match=r"lxc-start did not start the agent.*Unsupported config key .lxc\.no\.such\.key"
    ):
        ONE.launch(parse("lxc:config=lxc.no.such.key=1+"), lifetime)


# -- who is not root ---------------------------------------------------------------------------


def test_a_user_has_boxes_without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 100)
    assert ONE.facts(parse("lxc"))["idmap"] == "1000:1"
    with pytest.raises(Unsupported, match="idmap is for root"):
        ONE.check_available(parse(f"{MAPPED},idmap=700000:65536"))
    with pytest.raises(Unsupported, match="not both among the 1 ids"):
        ONE.check_available(replace(parse("lxc"), uid=1))
    assert not {weaken.unlimited("memory"), weaken.grant("SYS_ADMIN")} & ONE.weakenings()


@pytest.mark.skipif(not shutil.which("setpriv"), reason="becoming another user needs setpriv")
def test_a_run_of_a_user() -> None:
    done = run_as_nobody(
        *("--isolation", "--box=lxc", "--isolation-examples=5"),
        "--isolation-only=pid.host-processes-hidden,net.host-loopback-unreachable,mnt.host-secret-unreadable,cg.pids.enforced",
    )
    verdicts = {guarantee: row["verdict"] for (_, guarantee), row in done.rows.items()}
    assert verdicts.pop("cg.pids.enforced") == "unsupported", done.out
    assert set(verdicts.values()) == {"holds"}, done.out
    assert len(verdicts) == 3
