"""A virtual machine that runs a Docker daemon, reached through a port of the loopback.

The agent of `technologies.qemu` is its first process; it mounts the disk, and starts the daemon under tini(1), which
waits for what the daemon leaves behind.  The disk is never written to: what the machine writes goes to a temporary file
that has no name and ends with QEMU.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD, MS, W
from pytest_isolation.agent.shortcuts import must, write
from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.programs import Completed
from pytest_isolation.boxes.spec import MIB, BoxSpec
from pytest_isolation.errors import AgentLost, BoxError, UsageError
from pytest_isolation.machines import apparmor, kernels
from pytest_isolation.machines.recipe import image, of_release
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.qemu import accel, guest, kernel, network
from pytest_isolation.technologies.qemu.emulator import binary
from pytest_isolation.technologies.qemu.machine import Machine
from pytest_isolation.technologies.qemu.vm import BootError, Vm, boot

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_isolation.boxes.lifetime import Lifetime

PORT = 2375
"""The daemon's, in the machine."""
MODULES = (
    # What Docker's bridge network, overlay2 and iptables (nftables below it) need; those that the kernel has.
    "overlay", "bridge", "br_netfilter", "veth", "nf_tables", "nft_compat", "nft_chain_nat", "nf_nat",
    "nf_conntrack_netlink", "xt_addrtype", "xt_conntrack", "xt_MASQUERADE", "xt_nat", "xt_tcpudp", "xt_comment",
    "xt_mark", "ip_tables", "iptable_nat", "iptable_filter", "tun", "loop", "dummy", "fuse",
    # Docker since 28, Podman's netavark.
    "xt_set", "ip_set", "ip_set_hash_net", "nft_ct", "nft_nat", "nft_masq", "nft_fib_inet", "nft_reject_inet",
)  # fmt: skip
CONTROLLERS = ("cpu", "cpuset", "io", "memory", "pids")
GROUP = "/sys/fs/cgroup/docker.service"
LOG = "/var/log/dockerd.log"
CONTAINERD = "/run/docker-containerd.sock"
"""The daemon's own: at the usual place it would be taken for one that pods are to be measured with."""
LEAST = 512 * MIB
NUDGE_S = 45.0
LOOK_S = 20.0
GRACE_S = 300.0
"""What a run that was asked to end may take for the reports of what it has: on TCG Python itself takes long."""
SILENT_S = 60.0
"""A machine that has not answered the smallest question by then does not any more."""
TIMEOUT_S = 300.0
"""Of the daemon's start, without a word in its log; on TCG half a minute is usual."""


class DockerMachine:
    """A running machine.

    `address` is what DOCKER_HOST wants; `box` gives the machine as a box: `run`, `read_file`, `write_file`, `proc`.
    """

    def __init__(self, vm: Vm, address: str, close: Callable[[], None]) -> None:
        self.vm, self.address, self.close = vm, address, close
        self.box = Box(BoxSpec(technology="qemu", name="machine"), BoxHandle(vm.agent, shares_kernel=False))

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float = 120.0,
    ) -> Completed:
        """As Box.run, as root of the machine."""
        return self.box.run(argv, stdin=stdin, env=env, timeout=timeout)

    def follow(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        directory: str = "/",
        timeout: float,
        out: Callable[[str], None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> int:
        """Run a program of the machine; `out` is given what it writes, both outputs, as it comes.

        `meanwhile` is called every LOOK_S seconds.  Returns the exit status, or -N for signal N.  After `timeout`
        seconds the program is sent SIGINT, and after GRACE_S more SIGKILL: then TimeoutError is raised.  Raises
        BoxError when it does not start, AgentLost when the machine does not answer any more.
        """
        end = time.monotonic() + timeout
        looked = time.monotonic()
        with self.box.spawn() as parent:
            file = f"/tmp/output-{parent.pid}"
            written = must(parent.openat(AT_FDCWD, file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), file).value
            null = must(parent.openat(AT_FDCWD, "/dev/null", os.O_RDONLY | os.O_CLOEXEC), "/dev/null").value
            child = parent.spawn()
            must(child.chdir(directory), directory)
            launcher.execute(
                child, argv[0], argv, [f"{key}={value}" for key, value in env.items()], (null, written, written)
            )
            at, asked = 0, False
            while True:
                look = Program()
                ended = look.wait4(child.pid, W.NOHANG)
                status = must(parent.run(look, timeout=SILENT_S)[ended], argv[0])
                while data := must(parent.pread64(written, 65536, at), file).data:
                    at += len(data)
                    out(data.decode(errors="replace"))
                if status.value:
                    break
                if time.monotonic() > end:
                    if asked:
                        parent.kill(child.pid, 9)
                        raise TimeoutError(f"{argv[0]} was still running in the machine after {timeout + GRACE_S:g} s")
                    parent.kill(child.pid, signal.SIGINT)
                    asked, end = True, time.monotonic() + GRACE_S
                if time.monotonic() > looked + LOOK_S:
                    self.nudge()
                    meanwhile()
                    looked = time.monotonic()
                time.sleep(0.5)
            parent.unlinkat(AT_FDCWD, file)
            code = int.from_bytes(status.outs[0][:4], "little")
        return -(code & 0x7F) if code & 0x7F else code >> 8 & 0xFF

    def nudge(self) -> None:
        """Seen on a busy host: TCG lost the guest's timer, and all that sleeps slept on.  Going on sets it anew."""
        self.vm.monitor.ask("stop")
        self.vm.monitor.ask("cont")

    def log(self) -> str:
        """What the daemon wrote."""
        return self.box.read_file(LOG).decode(errors="replace")

    def __enter__(self) -> DockerMachine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check(memory: int, processors: int) -> None:
    """Before anything is made for a machine: raises UsageError for one too small, Unavailable without QEMU."""
    if memory < LEAST or processors < 1:
        raise UsageError(
            f"a machine of {memory // MIB} MiB and {processors} processors: expected {LEAST // MIB} MiB or more, and 1"
            " processor or more"
        )
    binary()


def start(
    lifetime: Lifetime,
    *,
    memory: int = 2048 * MIB,
    processors: int = 2,
    internet: bool = False,
    suite: str | None = None,
    disks: Sequence[Path] = (),
    timeout: float = TIMEOUT_S,
    say: Callable[[str], None] = lambda _: None,
) -> DockerMachine:
    """Boot a machine and return when its daemon answers; ends with this process, however that ends.

    `memory` in bytes.  `internet`: whether what runs in the machine reaches, through this one, what this one reaches
    (its own loopback included); else nothing but the forwarded port joins the two.  `suite`: of
    release.SUITES, with all its engines and its kernel; without one, bookworm's Docker and a kernel of this machine.
    `disks`: further images, read-only, as /dev/vdb and on.  Raises UsageError for another suite, Unavailable without
    QEMU, a kernel with modules, or a way to make the disk; BootError and BoxError with the last lines of the console or
    of the daemon's log.
    """
    check(memory, processors)
    wanted = of_release(suite)
    plain = Machine(kernel=kernel.kernel(kernels.image(suite, lifetime, say) if suite is not None else None))
    disk = image(lifetime, wanted, say)
    chosen, note = accel.choose("auto", plain, lifetime)
    if note:
        say(note)
    machine = Machine(
        kernel=plain.kernel,
        accel=chosen,
        memory=memory,
        processors=processors,
        in_turn=True,  # no slower for a daemon and its containers, and a thread each was the end of a long run's kernel
        modules=("virtio_blk", *network.MODULES),
        devices=(*_drive("disk", disk, "snapshot=on"), *_drives(disks), *_network(internet)),
        boot=("cgroup_no_v1=all",),
        translated=256 * MIB,
    )
    try:
        return _start(machine, lifetime, timeout, say)
    except BootError as error:
        if chosen == "kvm":
            raise
        # On a busy host TCG loses an interrupt now and then, and the guest waits for it for ever.
        say(f"{error.why}: it is started once more")
        return _start(machine, lifetime, timeout, say)


def _start(machine: Machine, lifetime: Lifetime, timeout: float, say: Callable[[str], None]) -> DockerMachine:
    with ExitStack() as undo:
        vm = boot(machine, lifetime, timeout=timeout)
        undo.callback(vm.close)
        if not vm.fast:
            raise guest.too_slow(machine)
        known = machine.kernel.modules.knows
        try:
            vm.load(*(name for name in MODULES if known(name)))
            _settle_in(vm.agent.proc)
            made = DockerMachine(vm, f"tcp://127.0.0.1:{_forwarded(vm)}", lambda: None)
            with _nudging(made):
                if said := apparmor.load(made.box, 3 * timeout):
                    say(said)
                _start_daemon(vm.agent.proc)
                _wait(made, timeout)
        except AgentLost as error:
            raise BootError("the machine did not start", f"it stopped answering ({error})", vm.console.tail()) from None
        made.close = undo.pop_all().close
    return made


@contextmanager
def _nudging(machine: DockerMachine) -> Iterator[None]:
    """Meanwhile the machine is nudged now and then, for whoever waits for it."""
    ended = threading.Event()

    def nudge() -> None:
        while not ended.wait(NUDGE_S):
            with suppress(BoxError, OSError):  # it is gone: who waits for it is told
                machine.nudge()

    thread = threading.Thread(target=nudge, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _drive(name: str, path: Path, *more: str) -> list[str]:
    # A comma in a value is written twice: QEMU, qemu-option(7).
    file = os.fspath(path).replace(",", ",,")
    words = [f"file={file}", f"id={name}", "format=raw", "if=none", "cache=unsafe", *more]
    return ["-drive", ",".join(words), "-device", f"virtio-blk-pci,drive={name}"]


def _drives(paths: Sequence[Path]) -> list[str]:
    return [word for number, path in enumerate(paths) for word in _drive(f"more{number}", path, "readonly=on")]


def _network(internet: bool) -> list[str]:
    net = f"user,id=net,restrict={'off' if internet else 'on'},hostfwd=tcp:127.0.0.1:0-:{PORT}"
    return ["-netdev", net, "-device", "virtio-net-pci,netdev=net,romfile="]


def _forwarded(vm: Vm) -> int:
    """The port of this machine's loopback that QEMU took; which, only its monitor tells."""
    told = str(vm.monitor.ask("human-monitor-command", **{"command-line": "info usernet"}))
    match = re.search(r"TCP\[HOST_FORWARD\]\s+\S+\s+127\.0\.0\.1\s+(\d+)", told)
    if match is None:
        raise BoxError(f"QEMU forwards no port: {told.strip()}")
    return int(match[1])


def _settle_in(proc: Proc) -> None:
    """From the initramfs to the disk: as switch_root(8), with a Debian's usual mounts, and the network up."""
    new = guest.NEW
    must(proc.mount("/dev/vda", new, "ext4"), "mounting the disk")
    _mount(proc, new)
    for name in CONTROLLERS:
        # A kernel without one says so; Docker then does in its warnings.
        write(proc, f"{new}/sys/fs/cgroup/cgroup.subtree_control", f"+{name}".encode())
    must(proc.chdir(new), "the disk as root")
    must(proc.mount(".", "/", None, MS.MOVE), "the disk as root")
    must(proc.chroot("."), "the disk as root")
    must(proc.chdir("/"), "the disk as root")
    must(proc.mount(None, "/", None, MS.REC | MS.SHARED), "mounts as systemd has them: shared")
    must(proc.sethostname("machine"), "hostname")
    must(write(proc, "/etc/hosts", b"127.0.0.1 localhost machine\n", CREATE, 0o644), "/etc/hosts")
    must(write(proc, "/etc/resolv.conf", b"nameserver 10.0.2.3\n", CREATE, 0o644), "/etc/resolv.conf")
    launcher.loopback_up(proc)
    network.configure(proc)


CREATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def _mount(proc: Proc, new: str) -> None:
    usual = MS.NOSUID | MS.NODEV
    for kind, target, flags, data in (
        ("proc", "/proc", usual | MS.NOEXEC, None),
        ("sysfs", "/sys", usual | MS.NOEXEC, None),
        ("securityfs", "/sys/kernel/security", usual | MS.NOEXEC, None),
        ("cgroup2", "/sys/fs/cgroup", usual | MS.NOEXEC, "nsdelegate"),
        ("devtmpfs", "/dev", MS.NOSUID, None),
        ("devpts", "/dev/pts", MS.NOSUID | MS.NOEXEC, "ptmxmode=0666,mode=620"),
        ("tmpfs", "/dev/shm", usual, "mode=1777"),
        ("mqueue", "/dev/mqueue", usual, None),
        ("tmpfs", "/run", usual, "mode=755"),
    ):
        proc.mkdirat(AT_FDCWD, f"{new}{target}", 0o755)
        must(proc.mount(kind, f"{new}{target}", kind, flags, data), f"mounting {target}")
    for link, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        proc.symlinkat(target, AT_FDCWD, f"{new}/dev/{link}")


def _start_daemon(proc: Proc) -> None:
    # As systemd has it: Docker looks in its own group whether swap can be limited, and the root group has no limits.
    must(proc.mkdirat(AT_FDCWD, GROUP, 0o755), "the daemon's control group")
    # As Debian's services have it, too: the daemon gives a containerd of its own 15 s to start, and TCG may need more.
    _execute(proc, ["/usr/bin/containerd", f"--address={CONTAINERD}"], "/var/log/containerd.log")
    line = ["/usr/sbin/dockerd", f"--host=tcp://0.0.0.0:{PORT}", "--host=unix:///var/run/docker.sock", "--tls=false"]
    _execute(proc, [*line, f"--containerd={CONTAINERD}"], LOG)


def _execute(proc: Proc, line: Sequence[str], file: str) -> None:
    """Start a program of the daemon's under tini(1), in its control group, that writes to `file`."""
    child = proc.spawn()
    child.setsid()
    must(write(child, f"{GROUP}/cgroup.procs", b"0"), "the daemon's control group")
    null = must(child.openat(AT_FDCWD, "/dev/null", os.O_RDWR), "/dev/null").value
    log = must(child.openat(AT_FDCWD, file, CREATE | os.O_APPEND, 0o644), file).value
    line = ["/usr/bin/tini", "-s", "--", *line]
    launcher.execute(child, line[0], line, [f"PATH={launcher.PATH}", "HOME=/root"], (null, log, log))


def _wait(machine: DockerMachine, timeout: float) -> None:
    """Until the daemon answers a ping through the forwarded port (Docker Engine API, GET /_ping)."""
    port = int(machine.address.rpartition(":")[2])
    deadline = time.monotonic() + timeout
    told = 0
    while not _pong(port):
        if (ended := _ended(machine)) or time.monotonic() > deadline:
            log = machine.log()
            if ended or len(log) == told:
                tail = "\n".join(log.splitlines()[-12:])
                raise BoxError(f"the machine's Docker daemon does not answer; its log's last lines:\n{tail}")
            # On a busy host a rule of iptables takes seconds on TCG, and a daemon makes fifty: it goes on.
            told, deadline = len(log), time.monotonic() + timeout
        time.sleep(0.2)


def _pong(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as asked:
            asked.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b"200 OK" in asked.recv(4096)
    except OSError:
        return False


def _ended(machine: DockerMachine) -> bool:
    """Whether dockerd has gone: its log says why.  Raises AgentLost when the machine itself is silent."""
    program = Program()
    fd = program.openat(AT_FDCWD, LOG, os.O_RDONLY | os.O_CLOEXEC)
    found = program.read(fd, 256 << 10)
    program.close(fd)
    return b"failed to start daemon" in machine.vm.agent.proc.run(program, timeout=SILENT_S)[found].data
