"""Boxes that are reached by a stream that ends in a shell: how the agent comes in, and what can be said of them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pytest_isolation import BoxError, BoxSpec, Unavailable, Unsupported, UsageError
from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.channel import FdChannel
from pytest_isolation.agent.constants import CLONE
from pytest_isolation.agent.shortcuts import listing, must
from pytest_isolation.boxes.image import Entry, Image, base_image
from pytest_isolation.boxes.local import start_local
from pytest_isolation.options.boxes import parse, unparse
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.channel import upload
from pytest_isolation.technologies.launcher import loopback_up
from tests.owners import attached, owner, verdicts
from tests.support import need

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces without a user namespace are root's")
NEIGHBOURS = {
    "mnt.writes-not-shared", "net.arp-spoof-denied", "net.bridge-icc", "net.sibling-abstract-unix",
    "net.sibling-datagrams", "pid.siblings-hidden",
}  # fmt: skip
SHELL = ("/bin/sh", "/bin/chmod")
SAME = ("pid", "ipc", "uts", "user", "key", "time", "exec")
SSHD = "/usr/sbin/sshd"


def text(command: str) -> str:
    """The box as `--box` takes it."""
    return unparse(BoxSpec(technology="channel", options=(("", command),)))


def left() -> set[str]:
    """Files of an agent that came by a shell, on this host."""
    places = [Path(one) for one in ("/dev/shm", "/run", "/tmp", "/var/tmp", Path.home(), ".")]
    return {str(file) for place in places for file in place.glob(".pytest-isolation-*") if file.is_file()}


def test_every_byte_goes_through_printf() -> None:
    data = bytes(range(256)) * 3
    lines = "".join(f"printf '{upload.quoted(data[at : at + 100])}'\n" for at in range(0, len(data), 100))
    done = subprocess.run(["sh"], input=lines.encode(), capture_output=True, timeout=20)
    assert done.stdout == data
    assert max(map(len, upload.script(agent_binary().read_bytes()))) < 4095, "a terminal takes no longer line"


@pytest.mark.parametrize(
    "shell",
    ["sh", "bash", "sh -c 'echo welcome; printf \"no end of line\"; exec sh'", "sh -c 'PS1=box.\\$ exec sh -i 2>&1'"],
)
def test_a_shell_becomes_the_agent(shell: str) -> None:
    before = left()
    with attached(text(shell)) as box:
        assert box.proc.getpid().value == box.parts.init_pid
        assert Path(f"/proc/{box.parts.init_pid}/comm").read_text() == "isolation-agent\n"
        assert box.enter().getpid().ok
        assert left() == before, "the file is gone when the agent is there"
        assert box.parts.group is None, "the group of this run is none of the box's"


def test_what_entered_leaves_no_program_of_its_own() -> None:
    """Checks enter once an example: what each needs on this host ends with it, and not with the box."""
    with attached(text("sh")) as box:
        box.enter().agent.close()
        before = len(psutil.Process().children(recursive=True))
        for _ in range(3):
            box.enter().agent.close()
        assert len(psutil.Process().children(recursive=True)) == before


@AS_ROOT
def test_the_first_process_of_its_namespace_is_found() -> None:
    with attached(
        text("unshare --pid --fork --mount --mount-proc sh -c 'sleep 60 & exec unshare --uts --fork sh'")
    ) as box:
        assert box.proc.getpid().value != 1
        first = box.parts.init_pid
        assert first is not None
        assert os.readlink(f"/proc/{first}/ns/pid") != os.readlink("/proc/self/ns/pid")
        found = verdicts(box, domains=("pid", "uts"), examples=3)
    assert found["pid.host-processes-hidden"] == found["uts.host-name-unchangeable"] == "holds"
    assert any(one.invalidates_verdict("pid.siblings-hidden", "holds") for one in box.parts.beside)


NOEXEC = "for one in /dev/shm /run /tmp /var/tmp; do mount -t tmpfs -o {} none $one; done; cd /proc; exec sh"


@AS_ROOT
@pytest.mark.parametrize(
    ("options", "told"), [("noexec", "/dev/shm: not executed, status 126"), ("ro", "/dev/shm: not written")]
)
def test_places_that_take_no_agent_are_named(options: str, told: str) -> None:
    command = f"env HOME=/proc unshare --mount sh -c {shlex.quote(NOEXEC.format(options))}"
    with (
        pytest.raises(Unsupported, match=r"no directory of the box takes a file and executes it") as caught,
        attached(text(command)),
    ):
        pass
    assert told in str(caught.value)
    assert "attach:pid=PID" in str(caught.value)


@AS_ROOT
def test_the_next_place_serves() -> None:
    command = f"unshare --mount sh -c {shlex.quote('mount -t tmpfs -o noexec none /dev/shm; exec sh')}"
    before = left()
    with attached(text(command)) as box:
        assert box.alive
    assert left() == before


FULL = "mount -t tmpfs -o size=4k none /dev/shm; {}exec sh"


@AS_ROOT
def test_a_full_place_keeps_no_part_of_the_file() -> None:
    """4 KB of the agent's 6 fit."""
    with attached(text(f"unshare --mount sh -c {shlex.quote(FULL.format(''))}")) as box:
        assert box.alive
        assert [name for name in listing(box.proc, "/dev/shm") if "pytest-isolation" in name] == []


@AS_ROOT
def test_where_every_place_is_full() -> None:
    more = "for one in /run /tmp /var/tmp; do mount --bind /dev/shm $one; done; cd /proc; export HOME=/proc; "
    command = f"unshare --mount sh -c {shlex.quote(FULL.format(more))}"
    with (
        pytest.raises(Unsupported, match="/dev/shm: not written; /run: not written") as caught,
        attached(text(command)),
    ):
        pass
    assert "its file stays" not in str(caught.value)


def test_whoever_is_killed_leaves_no_file() -> None:
    """The file is gone when the agent is there: no call of ours has to remove it."""
    before = left()
    with subprocess.Popen(["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        channel = FdChannel(os.dup(shell.stdout.fileno()), os.dup(shell.stdin.fileno()))
        try:
            assert upload.bring(channel) == ""
            assert left() == before
        finally:
            channel.close()


LIAR = """\
import sys, time
token = sys.stdin.readline().strip().partition("=")[2]
sys.stdin.readline()
def say(what):
    print("\\n" + token + " " + what, flush=True)
def machine():
    import os
    say("machine " + os.uname().machine)
    while "exec \\"$_pi_run" not in sys.stdin.readline():
        pass
"""


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ('say("machine " + "x" * 3000)', "uname(1) of the box names no machine: 'xxx"),
        ('say("machine m68k")', "the box is a machine of another kind"),
        ('machine(); say("agent nowhere \x1b[31m" + "y" * 3000)', "takes a file and executes it"),
        ('machine(); say("agent at /no/such/file")', "Its file may be there still: /no/such/file."),
        ('machine(); say("agent open"); print("good morning")', "good morning"),
        ('machine(); say("agent open"); sys.stdout.buffer.write(bytes(range(256)) * 9)', "no agent came into the box"),
        ("while True: print(token)", "does not answer as a shell does"),
        ("time.sleep(60)", "does not answer as a shell does"),
    ],
)
def test_who_lies_is_told_in_one_sentence(
    says: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "PATIENCE_S", 2.0)
    (tmp_path / "liar.py").write_text(LIAR + says)
    before = left()
    with pytest.raises((BoxError, Unsupported)) as caught, attached(text(f"{sys.executable} {tmp_path}/liar.py")):
        pass
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1500
    assert left() == before


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("cat", "sends its input back: a terminal (leave out -t), or no shell"),
        ("echo good morning", "the agent's channel is closed"),
        ("true", "the agent's channel is closed"),
        ("sh -c 'echo it is closed today >&2; exit 3'", "it is closed today"),
        ("env PATH=/no/such/directory /bin/sh", "there is no chmod"),
    ],
)
def test_what_is_no_shell(command: str, told: str) -> None:
    before = left()
    with pytest.raises((BoxError, Unsupported)) as caught, attached(text(command)):
        pass
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert left() == before


@pytest.mark.parametrize(
    ("box", "told"),
    [
        ('channel:"sh \'x"', "No closing quotation"),
        ('channel:"sh","sh"', "2 bare values"),
        ('channel:""', "expected a command that ends in a shell"),
    ],
)
def test_a_command_that_is_none(box: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        technology("channel").check_available(parse(box))
    assert told in str(caught.value)


def test_what_is_not_there() -> None:
    with pytest.raises(Unavailable, match="no command was given"):
        technology("channel").check_available(BoxSpec(technology="channel"))
    with pytest.raises(Unavailable, match="no-such-client is no program in PATH"):
        technology("channel").check_available(parse('channel:"no-such-client exec sh"'))
    with pytest.raises(Unsupported, match="a running container is as it is"):
        technology("channel").check_available(parse("channel:sh,read_only=true"))


def test_a_box_that_this_host_cannot_see() -> None:
    """gVisor's processes are of its own kernel: what is outside cannot be seen, and nothing is said to be hidden."""
    need("gvisor")
    command = "runsc --rootless --network=none --platform=ptrace --ignore-cgroups do sh"
    with attached(text(command)) as box:
        assert (box.parts.init_pid, box.parts.root, box.parts.group) == (None, None, None)
        (far,) = box.parts.unlike
    assert far.invalidates_verdict("pid.host-processes-hidden", "holds")
    assert far.invalidates_verdict("leak.machine-id", "violated")
    assert not far.invalidates_verdict("cap.sys-boot-denied", "holds"), "what a call answers inside needs no outside"


def shell_image() -> Image:
    """A shell and chmod of this host, with what they are linked with."""
    files = set(SHELL)
    for program in SHELL:
        told = subprocess.run(["ldd", program], capture_output=True, text=True, timeout=20, check=True).stdout
        files |= set(re.findall(r"(/\S+) \(0x", told))
    known = {entry.path for entry in base_image().entries}
    entries: list[Entry] = []
    for file in sorted(files):
        for above in reversed(Path(file.lstrip("/")).parents):
            path = os.fsencode(above)
            if path != b"." and path not in known:
                known.add(path)
                entries.append(Entry(path=path, kind="dir", mode=0o755))
        entries.append(Entry(path=os.fsencode(file[1:]), kind="file", mode=0o755, data=Path(file).read_bytes()))
    return Image(tuple(entries))


@AS_ROOT
def test_docker_exec_says_what_attaching_to_the_container_says() -> None:
    with owner("docker", more=shell_image()) as theirs, theirs.running() as name, theirs.left_alone(name):
        with attached(f"{theirs.box}{name}") as box:
            known = verdicts(box, domains=SAME, examples=3)
        with attached(text(f"docker exec -i {name} sh")) as box:
            found = verdicts(box, domains=SAME, examples=3)
    assert {one: (known[one], found[one]) for one in known if known[one] != found[one]}.keys() <= NEIGHBOURS
    assert "holds" in found.values()
    assert "violated" in found.values()


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[str]:
    """An ssh command line into a host that is a network namespace: sshd(8) in inetd mode, one for each connection."""
    if os.geteuid() or not os.path.exists(SSHD) or shutil.which("ssh") is None:
        if os.environ.get("CI"):
            raise AssertionError("no sshd to connect to: apt install openssh-server openssh-client")
        pytest.skip("a server of ours needs root, openssh-server and openssh-client")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    separation = Path("/run/sshd")  # an empty directory that sshd(8) wants to see
    separation.mkdir(exist_ok=True)
    settings = {
        "HostKey": tmp_path / "host", "AuthorizedKeysFile": tmp_path / "user.pub", "PidFile": "none",
        "StrictModes": "no", "PermitRootLogin": "yes", "UsePAM": "no",
    }  # fmt: skip
    (tmp_path / "sshd").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    with start_local() as host:
        must(host.proc.unshare(CLONE.NEWNET), "a network namespace")
        loopback_up(host.proc)
        proxy = f"nsenter --target {host.pid} --net {SSHD} -i -f {tmp_path}/sshd"
        options = [f"ProxyCommand={proxy}", "StrictHostKeyChecking=no", f"UserKnownHostsFile={tmp_path}/known"]
        words = ["ssh", "-F", "none", "-T", "-q", "-i", str(tmp_path / "user")]
        yield shlex.join([*words, *(word for one in options for word in ("-o", one)), "root@namespace", "sh"])


def test_ssh_into_a_host_that_is_a_network_namespace(ssh: str) -> None:
    before = left()
    with attached(text(ssh)) as box:
        assert box.parts.init_pid is not None
        assert left() == before
        found = verdicts(box, domains=("pid", "net", "uts"), examples=3)
    holds = {one for one, verdict in found.items() if verdict == "holds"}
    violated = {one for one, verdict in found.items() if verdict == "violated"}
    assert {"net.procnet-own", "net.host-loopback-unreachable", "net.abstract-unix-isolated"} <= holds
    assert {"pid.host-processes-hidden", "pid.signal-out-refused", "uts.host-name-hidden"} <= violated
    (alone,) = box.parts.unlike
    assert alone.invalidates_verdict("exec.same-root", "holds"), "it would be compared with itself"
