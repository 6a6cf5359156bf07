"""Pods: the fields of a security context arrive in the container, and nothing stays of a run's own containerd."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation import Box, BoxSpec, Unavailable, Unsupported, UsageError
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.lifetime import Lifetime, mount_points
from pytest_isolation.boxes.weakenings import join_sibling
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import clean, technology
from pytest_isolation.technologies.cri import client, containerd, settings
from pytest_isolation.technologies.cri.stream import HELLO_SIZE, StreamedChannel
from pytest_isolation.technologies.pool import Pool
from tests.support import need

DEFAULT_CAPABILITIES = 0xA80425FB
"""Of containerd's: pkg/oci/spec.go, defaultUnixCaps."""


def status(box: Box) -> dict[str, str]:
    lines = box.read_file("/proc/self/status").decode().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def start(text: str, pods: Lifetime) -> Box:
    return technology("cri").launch(parse(text), pods)


def test_a_plain_container_is_as_kubernetes_has_it(pods: Lifetime) -> None:
    with start("cri", pods) as box:
        found = status(box)
        assert int(found["CapEff"], 16) == DEFAULT_CAPABILITIES
        assert (found["NoNewPrivs"], found["Seccomp"]) == ("0", "0")
        assert box.proc.getpid().value == 1
        assert box.parts.address is not None
        assert box.parts.root is not None and (box.parts.root / "agent").is_file()
        assert box.proc.uname().data[65:].startswith(b"box\0")


def test_a_pod_of_gvisor_is_one_sandbox(pods: Lifetime) -> None:
    """Of Debian's runsc, which has no shim of its own: runc's shim starts it, and hears of its end."""
    need("gvisor")
    with start("cri:runtime=runsc", pods) as box:
        told = [word for word in box.proc.uname().data.split(b"\0") if word]
        assert told[2].startswith(b"4.4.0"), f"the host's kernel answers: {told}"
        assert box.proc.getpid().value == 1
        assert box.parts.address is not None, "the pod's network is a network of its own"
        assert box.enter().getpid().value > 1
        identity = box.parts.id
    runtime = client.connect(containerd.ours(pods))
    pods = runtime.call("listing pods", "ListPodSandbox", runtime.api.ListPodSandboxRequest()).items
    assert not [pod for pod in pods if pod.runtime_handler == "runsc"]
    assert identity not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def test_a_restricted_one_is_restricted_through_both_doors(pods: Lifetime) -> None:
    text = "cri:cap_drop=ALL,allow_privilege_escalation=false,seccomp=RuntimeDefault,uid=1000,gid=1000,read_only=true"
    with start(text, pods) as box:
        for proc in (box.proc, box.enter()):
            assert (proc.getuid().value, proc.getgid().value) == (1000, 1000)
            assert not proc.openat(AT_FDCWD, "/written", os.O_WRONLY | os.O_CREAT, 0o600).ok
            assert proc.openat(AT_FDCWD, "/tmp/written", os.O_WRONLY | os.O_CREAT, 0o600).ok
        found = status(box)
        assert (found["CapBnd"].strip("0"), found["NoNewPrivs"], found["Seccomp"]) == ("", "1", "2")


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("cri:cap_add=SYS_TIME,cap_drop=CHOWN", "CapEff", f"{DEFAULT_CAPABILITIES & ~1 | 1 << 25:016x}"),
        ("cri:seccomp=RuntimeDefault", "Seccomp", "2"),
        ("cri:allow_privilege_escalation=false", "NoNewPrivs", "1"),
    ],
)
def test_a_field_alone_does_what_it_says(text: str, field: str, expected: str, pods: Lifetime) -> None:
    with start(text, pods) as box:
        assert status(box)[field] == expected


def test_namespaces_are_whose_they_are_asked_to_be(pods: Lifetime) -> None:
    def theirs(box: Box, kind: str) -> bool:
        return os.readlink(f"/proc/{box.parts.init_pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")

    with start("cri:host_pid=true,host_ipc=true,network=host", pods) as box:
        assert [theirs(box, kind) for kind in ("pid", "ipc", "net", "mnt")] == [True, True, True, False]
        assert box.parts.address is None
    with start("cri:share_process_namespace=true", pods) as box:
        assert not theirs(box, "pid")
        assert box.proc.getpid().value != 1, "the pod's first container is the first process"
        assert box.read_file("/proc/1/cmdline") == b"/agent\0pause\0"


def test_masks_are_there_unless_proc_is_unmasked(pods: Lifetime) -> None:
    def points(box: Box) -> set[str]:
        return {line.split()[4] for line in box.read_file("/proc/self/mountinfo").decode().splitlines()}

    with start("cri", pods) as box:
        there = {path for path in (*settings.MASKED, *settings.READ_ONLY) if Path(path).exists()}
        assert there <= points(box)
    with start("cri:proc_mount=Unmasked", pods) as box:
        assert not points(box) & {*settings.MASKED, *settings.READ_ONLY}


def test_a_container_joins_the_pod_of_its_sibling(pods: Lifetime) -> None:
    spec = BoxSpec(technology="cri").weakened(join_sibling("net"), join_sibling("pid"))
    pool = Pool(pods)
    with pool.launch(spec) as box:
        other = box.sibling
        for kind, same in (("net", True), ("ipc", True), ("pid", True), ("mnt", False)):
            names = {os.readlink(f"/proc/{one.parts.init_pid}/ns/{kind}") for one in (box, other)}
            assert (len(names) == 1) is same, kind
    pool.close()


def test_limits_are_the_containers_own(pods: Lifetime) -> None:
    with start("cri:memory=64M,pids=32,cpus=0.5", pods) as box:
        group = box.parts.group
        assert group is not None
        memory = group.file("memory", "memory.limit_in_bytes", "memory.max")
        pids = group.file("pids", "pids.max", "pids.max")
        assert memory is not None and int(memory.read_text()) == 64 << 20
        assert pids is not None and int(pids.read_text()) == 32
        assert box.parts.init_pid in group.pids()


def test_a_running_container_is_found_by_each_name_and_left_as_it_was(pods: Lifetime) -> None:
    with start("cri:cap_drop=ALL,allow_privilege_escalation=false,uid=1000,gid=1000,memory=64M", pods) as theirs:
        endpoint = pods.kept["cri containerd"]
        before = Path(f"/proc/{theirs.parts.init_pid}/mountinfo").read_text()
        for name in (theirs.parts.id, theirs.parts.id[:12], f"{theirs.parts.name}/box"):
            spec = parse(f"cri:container={name},endpoint={endpoint}")
            facts = technology("cri").facts(spec)
            assert (facts["cap_drop"], facts["allow_privilege_escalation"]) == (["ALL"], "false")
            with technology("cri").launch(spec, pods) as box:
                assert box.spec.attached
                assert box.proc.getuid().value == 1000
                assert box.parts.id == theirs.parts.id
                assert box.parts.asked is not None and box.parts.asked.memory == 64 << 20
        assert Path(f"/proc/{theirs.parts.init_pid}/mountinfo").read_text() == before
        with pytest.raises(Unavailable, match="crictl ps"):
            technology("cri").check_available(parse(f"cri:container=nobody,endpoint={endpoint}"))
        with pytest.raises(UsageError, match="as it is"):
            technology("cri").check_available(parse(f"cri:container=box,endpoint={endpoint},privileged=true"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cri:sec_comp=x", "seccomp"),
        ("cri:seccomp=Default", "RuntimeDefault, Unconfined or Localhost:NAME"),
        ("cri:seccomp=RuntimeDefault:x", "RuntimeDefault, Unconfined or Localhost:NAME"),
        ("cri:cap_add=SYS_TIM", "SYS_TIME"),
        ("cri:privileged=yes", "true or false"),
        ("cri:proc_mount=none", "Default or Unmasked"),
        ("cri:network=bridge", "leave it out, or give host"),
        ("cri:endpoint=tcp://localhost:1", "unix:///PATH"),
        ("cri:runtime=../runc", "name of a handler"),
    ],
)
def test_a_mistake_is_told_with_what_is_expected(text: str, words: str) -> None:
    need("cri")
    with pytest.raises(UsageError, match=words):
        technology("cri").check_available(parse(text))


def test_what_cannot_be_had_says_so(tmp_path: Path) -> None:
    need("cri")
    with pytest.raises(Unsupported, match="no pod is without a network"):
        technology("cri").check_available(parse("cri:network=none"))
    with pytest.raises(Unavailable, match="no runtime is at"):
        technology("cri").check_available(parse(f"cri:endpoint=unix://{tmp_path}/none"))
    with pytest.raises(Unavailable, match="no runtime is called kata"):
        technology("cri").check_available(parse("cri:runtime=kata"))


def test_what_answers_and_speaks_no_cri_is_told() -> None:
    """Docker's containerd: its configuration disables the interface."""
    need("docker")
    need("cri")
    place = Path("/run/docker/containerd/containerd.sock")
    if not place.exists():
        pytest.skip("Docker's containerd is somebody else's")
    with pytest.raises(Unavailable, match="does not speak CRI v1"):
        technology("cri").check_available(parse(f"cri:endpoint=unix://{place}"))


def traces(left: str) -> list[Path]:
    """What is there of a containerd that registered `left`."""
    directory, bridge, *_ = left.split()
    points = [Path(point) for point in mount_points() if point.startswith(f"{directory}/")]
    named = [Path("/sys/class/net", bridge), Path("/run", bridge), Path(directory)]
    return [*points, *(one for one in named if one.exists()), *containerd.CNI_RESULTS.glob(f"{bridge}-*")]


def test_a_run_that_is_killed_leaves_nothing_after_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("cri")
    monkeypatch.setenv("TMPDIR", "/tmp")
    script = textwrap.dedent("""\
        import time
        from pytest_isolation.boxes.lifetime import Lifetime
        from pytest_isolation.options.boxes import parse
        from pytest_isolation.technologies import technology
        lifetime = Lifetime()
        box = technology("cri").launch(parse("cri"), lifetime)
        print(lifetime.directory, box.parts.init_pid, flush=True)
        time.sleep(60)
    """)
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        assert run.stdout is not None
        directory, pid = run.stdout.readline().split()
        rows = clean.rows_of(Path(directory, "register.jsonl"))
        (left,) = (row["handle"] for row in rows if row["kind"] == "cri:containerd")
        assert len(traces(left)) > 5
        run.send_signal(signal.SIGKILL)
    done = [one for one in clean.clean() if one.run == Path(directory).name]
    assert done and not [one for one in done if one.outcome.startswith("kept")]
    assert not traces(left)
    assert not Path(f"/proc/{pid}").exists()


def test_pods_leave_the_hosts_forwarding_as_it_is_while_they_run() -> None:
    """In a network of the test's own, for it is the whole host's."""
    need("cri")
    script = textwrap.dedent("""\
        from pathlib import Path
        from pytest_isolation.boxes.lifetime import Lifetime
        from pytest_isolation.options.boxes import parse
        from pytest_isolation.technologies import technology
        forwarding = Path("/proc/sys/net/ipv4/ip_forward")
        forwarding.write_text("0")
        lifetime = Lifetime()
        with technology("cri").launch(parse("cri"), lifetime) as box:
            routes = [line.split()[1:3] for line in box.read_file("/proc/net/route").decode().splitlines()]
            gateway, = (gateway for target, gateway in routes if target == "00000000")
            here = Path("/proc/net/fib_trie").read_text().split()
            address = ".".join(str(byte) for byte in bytes.fromhex(gateway)[::-1])
            print(forwarding.read_text().strip(), address in here)
        lifetime.close()
        print(forwarding.read_text().strip(), lifetime.resisted)
    """)
    argv = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$0" -c "$1"', sys.executable, script]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["0", "True", "0", "[]"], done.stderr


class Messages:
    """A WebSocket that has said all it says."""

    def __init__(self, *data: bytes) -> None:
        self.data = list(data)

    def settimeout(self, seconds: float) -> None:
        pass

    def recv_data(self) -> tuple[int, bytes]:
        return 2, self.data.pop(0)


@pytest.mark.parametrize("late", [False, True])
def test_a_hello_that_comes_late_is_passed_over_however_it_is_cut(late: bool) -> None:
    from pytest_isolation.agent import wire

    hello = wire.pack_header(wire.Kind.HELLO, 0, (), wire.WORD.size) + wire.WORD.pack(wire.VERSION << 16 | 1)
    reply = wire.pack_header(wire.Kind.REFUSED, 1, (), wire.WORD.size) + wire.WORD.pack(1)
    assert len(hello) == HELLO_SIZE
    said = (hello if late else b"") + reply
    for cut in range(len(said)):
        channel = StreamedChannel.__new__(StreamedChannel)
        channel._kept, channel._may_greet, channel.errors = bytearray(), True, bytearray()
        channel._timeout, channel._broken = TimeoutError, (OSError,)
        channel._socket = Messages(b"\1" + said[:cut], b"\1" + said[cut:])
        assert channel.receive(wire.HEADER.size, float("inf")) == reply[: wire.HEADER.size]
        assert channel.receive(wire.WORD.size, float("inf")) == reply[wire.HEADER.size :]


def test_the_end_of_one_box_takes_no_image_of_anothers(pods: Lifetime) -> None:
    """red: of two images with one tree RemoveImage of the first removed both, by the digest that they had."""
    spec = replace(parse("cri"), image=Image((Entry(path=b"etc/hostname", kind="file", data=b"here\n"),)))
    runtime = client.connect(containerd.ours(pods))
    with technology("cri").launch(spec, pods):
        before = _images(runtime)
        technology("cri").launch(spec, pods).close()
        assert _images(runtime) == before


def _images(runtime: client.Runtime) -> set[str]:
    listed = runtime.call("listing images", "ListImages", runtime.api.ListImagesRequest()).images
    return {tag for image in listed for tag in image.repo_tags}
