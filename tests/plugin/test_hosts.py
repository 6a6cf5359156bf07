"""Many machines in one run: --dist each over ssh, to machines that are network and process namespaces with an sshd.

Each has an address of its own on a link of its own, a host name, processes of its own, and a temporary directory; it
is lost as machines are: everything of it is killed at once, and nothing answers any more.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_isolation.boxes import cgroups
from pytest_isolation.report.lines import counted
from tests.runs import Done, Run, run

SSHD = "/usr/sbin/sshd"
ONLY = ("--isolation-only", "pid.*,uts.*", "--box", "namespaces", "--isolation-examples=5")
WAIT_S = 60


@dataclass(slots=True)
class Machine:
    """A host of the fleet: `place` is its own, with its temporary directory."""

    name: str
    address: str
    place: Path
    first: subprocess.Popen[bytes]
    link: str
    options: str

    @property
    def tx(self) -> str:
        """For --tx."""
        return (
            f"ssh={self.options} root@{self.address}//id={self.name}//python={sys.executable}//chdir={self.place}/work"
        )

    def lose(self) -> None:
        """All of it at once, without a word on the network."""
        subprocess.run(["ip", "link", "del", self.link], check=True)
        self.first.kill()
        self.first.wait()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[list[Machine]]:
    """Three, each with its sshd."""
    if os.geteuid() or not os.path.exists(SSHD) or not all(map(shutil.which, ("ssh", "ip", "unshare"))):
        if os.environ.get("CI"):
            raise AssertionError("no sshd to connect to: apt install openssh-server openssh-client iproute2")
        pytest.skip("machines of ours need root, openssh-server, openssh-client and iproute2")
    Path("/run/sshd").mkdir(exist_ok=True)  # an empty directory that sshd(8) wants to see
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "user"], check=True)
    with ExitStack() as undo:
        yield [_machine(tmp_path, number, undo) for number in (1, 2, 3)]


def _machine(folder: Path, number: int, undo: ExitStack) -> Machine:
    name, net = f"web{number}", f"198.18.{secrets.randbelow(256)}.{4 * secrets.randbelow(64)}"
    start, _, last = net.rpartition(".")
    here, there = f"{start}.{int(last) + 1}", f"{start}.{int(last) + 2}"
    place, link = folder / name, f"pi{secrets.token_hex(4)}"
    (place / "work").mkdir(parents=True)
    (place / "tmp").mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / "host"], check=True)
    settings = {
        "ListenAddress": f"{there}:22", "HostKey": place / "host", "AuthorizedKeysFile": folder / "user.pub",
        "PidFile": "none", "StrictModes": "no", "PermitRootLogin": "yes", "UsePAM": "no",
        "SetEnv": f"TMPDIR={place}/tmp PYTHONDONTWRITEBYTECODE=1",
    }  # fmt: skip
    (place / "sshd").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    wait = f"while ! ip link set eth0 up 2>/dev/null; do sleep 0.05; done; ip addr add {there}/30 dev eth0"
    script = f"hostname {name}; ip link set lo up; {wait}; exec {SSHD} -D -e -f {place}/sshd"
    kinds = ("--net", "--pid", "--uts", "--mount", "--mount-proc", "--fork", "--kill-child")
    with (place / "log").open("wb") as log:
        first = subprocess.Popen(
            ["unshare", *kinds, "sh", "-c", script], stdout=log, stderr=log, start_new_session=True
        )
    undo.callback(first.wait)
    undo.callback(first.kill)
    _when(lambda: os.readlink(f"/proc/{first.pid}/ns/net") != os.readlink("/proc/self/ns/net"), "a network of its own")
    peer = ("peer", "name", "eth0", "netns", str(first.pid))
    subprocess.run(["ip", "link", "add", link, "type", "veth", *peer], check=True)
    undo.callback(subprocess.run, ["ip", "link", "del", link], capture_output=True)
    subprocess.run(["ip", "addr", "add", f"{here}/30", "dev", link], check=True)
    subprocess.run(["ip", "link", "set", link, "up"], check=True)
    words = ("StrictHostKeyChecking=no", f"UserKnownHostsFile={folder}/known", "ServerAliveInterval=2")
    options = " ".join(["-q", "-F", "none", "-i", str(folder / "user"), *(f"-o{one}" for one in words)])
    _when(lambda: b"listening" in (place / "log").read_bytes(), f"sshd of {name} listens")
    return Machine(name, there, place, first, link, options)


def _when(true: object, what: str) -> None:
    until = time.monotonic() + WAIT_S
    while not true():  # type: ignore[operator]
        assert time.monotonic() < until, what
        time.sleep(0.05)


def _asked(machines: list[Machine]) -> list[str]:
    return ["--isolation", *ONLY, "--dist", "each", *(word for one in machines for word in ("--tx", one.tx))]


def _of(done: Done, name: str) -> dict[str, str]:
    """Guarantee -> verdict, on one machine."""
    return {row["guarantee"]: row["verdict"] for row in done.report["results"] if row["box"] == f"{name}/namespaces"}


def _as_after_a_boot(run: str) -> None:
    """The groups of a machine that is gone are gone with it; those of these machines are this kernel's."""
    for point in set(cgroups.hierarchies().values()):
        for top in (point / "pytest-isolation").glob(f"{run}-*"):
            for path in sorted((*top.rglob("*"), top), reverse=True):
                if path.is_dir():
                    path.rmdir()


@pytest.mark.long(seconds=40)
def test_all_machines_are_one_report(tmp_path: Path, machines: list[Machine]) -> None:
    done = run(tmp_path / "run", *_asked(machines))
    assert done.code == 0, done.out
    assert [one["name"] for one in done.report["hosts"]] == ["web1", "web2", "web3"]
    alone = run(tmp_path / "alone", "--isolation", *ONLY)
    expected = {row["guarantee"]: row["verdict"] for row in alone.report["results"]}
    for one in done.report["hosts"]:
        assert _of(done, one["name"]) == expected
        assert (one["lost"], one["exit"], one["rows"]) == (None, 0, len(expected))
        assert one["facts"]["kernel"] == done.report["host"]["kernel"]
    done.said("web1/namespaces", "web3/namespaces", "machines, each beside the others")


@pytest.mark.long(seconds=60)
def test_one_is_lost_midway_and_another_never_answered(tmp_path: Path, machines: list[Machine]) -> None:
    """The third completes; the lost ones are red with the reason, and what the second had measured is kept."""
    whole, lost, silent = machines
    silent.lose()
    one = Run(tmp_path, "-v", *_asked(machines))
    out = []
    assert one.process.stdout is not None
    for line in one.process.stdout:
        out.append(line)
        if line.startswith(f"[{lost.name}] ["):
            lost.lose()
            break
    done = one.wait()
    said = "".join(out) + done.out
    assert done.code == 1, said
    assert "INTERNALERROR" not in said and "Traceback" not in said, said
    hosts = {host["name"]: host for host in done.report["hosts"]}
    assert (hosts[whole.name]["lost"], hosts[whole.name]["exit"]) == (None, 0)
    planned = set(_of(done, whole.name))
    assert len(planned) > 10 and set(_of(done, whole.name).values()) <= {"holds", "violated", "unsupported"}
    assert "the connection was lost" in hosts[lost.name]["lost"] and hosts[lost.name]["exit"] == 1
    kept = _of(done, lost.name)
    assert 0 < len(kept) < len(planned)
    assert list(kept.values()).count("inconclusive") == 1, "the one that it was at"
    assert hosts[silent.name]["rows"] == 0 and hosts[silent.name]["lost"]
    assert hosts[lost.name]["facts"] == hosts[silent.name]["facts"] == {} != hosts[whole.name]["facts"]
    flat = " ".join(said.split())
    assert f"LOST {lost.name} after {counted(len(kept), 'row')}: the connection was lost" in flat, said
    assert f"LOST {silent.name}" in flat and "FAILED" in flat.rpartition("guarantees x")[2], said
    _as_after_a_boot(done.report["run"]["id"])
    assert one.left_behind(done) == []


def test_who_cannot_be_asked_is_lost_and_the_others_go_on(tmp_path: Path) -> None:
    """Each by its own reason; and of who told nothing, no facts are told."""
    silent = {
        "popen//python=/nope//id=none": "/nope: No such file or directory",
        "popen//python=false//id=false": "false ended with 1",
        "socket=127.0.0.1:1//id=refuses": "socket 127.0.0.1:1: Connection refused",
        "socket=nowhere//id=portless": "socket=nowhere: expected HOST:PORT",
        "sshh=root@web//id=typo": "--tx sshh=root@web//id=typo: expected popen, ssh=HOST",
    }
    machines = (word for one in ("popen//id=whole", *silent) for word in ("--tx", one))
    only = ("--isolation", "--isolation-only", "pid.init-is-one", "--box", "host")
    done = run(tmp_path, *only, "--dist", "each", *machines)
    assert done.code == 1, done.out
    assert "INTERNALERROR" not in done.out and "Traceback" not in done.out, done.out
    hosts = {host["name"]: host for host in done.report["hosts"]}
    assert (hosts["whole"]["lost"], hosts["whole"]["rows"]) == (None, 1) and hosts["whole"]["facts"]
    for spec, why in silent.items():
        host = hosts[spec.rpartition("=")[2]]
        assert host["lost"].startswith(why)
        assert host["facts"] == {}, "it has told nothing"


def test_two_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    twins = ("--dist", "each", "--tx", "popen//id=x", "--tx", "popen//id=x")
    done = run(tmp_path, "--isolation", "--isolation-only", "pid.init-is-one", *twins)
    assert done.code == 4, done.out
    assert "2 machines have id=x; expected another id for each" in done.out
    assert "INTERNALERROR" not in done.out and "Traceback" not in done.out, done.out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--tx", "ssh=web1"), "--tx ssh=web1 is given without --dist, so that this machine alone would be measured"),
        (("--dist", "each"), "--dist each is given without --tx, so that this machine alone would be measured"),
    ],
)
def test_this_machine_does_not_pass_for_another(tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    """red: exit status 0, and no other machine had been asked."""
    done = run(tmp_path, "--isolation", "--isolation-only", "pid.init-is-one", "--box", "host", *words)
    assert done.code == 4, done.out
    assert not done.report
    done.said(why)
