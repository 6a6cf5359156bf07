"""Booting any kernel image to an agent: the one way a VM is started here.

with boot(Machine(kernel=kernel("/boot/vmlinuz-6.1"), boot=("cgroup_disable=memory",)), lifetime) as vm:
    vm.agent.proc.mount("proc", "/proc", "proc")
    vm.load("overlay")
"""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.channel import FdChannel
from pytest_isolation.agent.client import Agent, Program, Reply
from pytest_isolation.agent.constants import AT_FDCWD, PR
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.caller import NOBODY, Caller
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.lifetime import started
from pytest_isolation.boxes.local import start_local
from pytest_isolation.errors import AgentLost, BoxError
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.qemu import process, state
from pytest_isolation.technologies.qemu.console import Console
from pytest_isolation.technologies.qemu.initramfs import Node, to_cpio
from pytest_isolation.technologies.qemu.machine import CHANNEL, Machine, Snapshot, command
from pytest_isolation.technologies.qemu.modules import read_module
from pytest_isolation.technologies.qemu.monitor import Monitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_isolation.boxes.cgroups import Group
    from pytest_isolation.boxes.lifetime import Lifetime

PORT = "/dev/vport0p1"
BOOT_TIMEOUT_S = 120.0
NUDGE_S = 20.0
"""A boot takes a few seconds; a busy host's takes longer, and a nudge costs it nothing."""
HALTED = "-- System halted"
"""What the kernel's unpacker says before it stops for ever (arch/x86/boot/compressed/error.c)."""
EEXIST = 17


class BootError(BoxError):
    """A kernel did not get as far as the agent.  `console` has its last lines."""

    def __init__(self, what: str, why: str, console: str) -> None:
        tail = f"the console's last lines:\n{console}" if console else "nothing came on its console"
        super().__init__(f"{what}: {why}; {tail}")
        self.why, self.console = why, console


class Vm:
    """A running machine; `agent` is its first process, in the initramfs, with nothing mounted but /dev.

    `fast`: whether the agent speaks over virtio; else over a serial line, some 100 kB/s.
    `pid` is the host's number of the QEMU process.
    """

    def __init__(self, machine: Machine, agent: Agent, console: Console, monitor: Monitor, pid: int) -> None:
        self.machine, self.agent, self.console, self.monitor, self.pid = machine, agent, console, monitor, pid
        self.fast = False
        self.descriptor: int | None = None
        """The guest's descriptor of the virtio port the agent speaks over."""
        self.went_on: float | None = None
        """When it was told to go on from a snapshot, by the host's CLOCK_MONOTONIC."""
        self.channel: FdChannel | None = None
        """Our end of that port."""
        self.close: Callable[[], None] = lambda: None
        self.speaks(agent)

    def speaks(self, agent: Agent) -> None:
        """`agent` is in the machine: of its end, the console may say why."""
        agent.last_words = self._last_words

    def _last_words(self) -> str:
        words = self.console.last_words()
        return f"on the machine's console: {words}" if words else ""

    def load(self, *names: str) -> None:
        """Load modules and what they need, from beside the kernel; one that is there already is no error.

        Raises Unavailable when the kernel has no such module, BoxError with the errno when it refuses one.
        """
        for name, path in self.machine.kernel.modules.to_load(*names).items():
            data = read_module(path)
            fd = must(self.agent.proc.memfd_create(name), "room for a module").value
            for at in range(0, len(data), 256 << 10):
                must(self.agent.proc.write(fd, data[at : at + (256 << 10)]), f"module {name}")
            _accept(self.agent.proc.finit_module(fd, "", 0), name)
            self.agent.proc.close(fd)

    def __enter__(self) -> Vm:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _accept(reply: Reply, name: str) -> None:
    if reply.errno != EEXIST:
        must(reply, f"module {name}")


def boot(
    machine: Machine,
    lifetime: Lifetime,
    *,
    group: Group | None = None,
    timeout: float = BOOT_TIMEOUT_S,
    snapshot: Snapshot | None = None,
    caller: Caller = NOBODY,
) -> Vm:
    """Boot `machine` and return when its agent answers; QEMU's process is put in `group` before it starts.

    The VM ends with this process, however that ends.  Raises BootError, with the console's last lines, when
    no agent has said hello within `timeout` seconds or the machine ended before; Unavailable without QEMU, or
    without a module that `machine` asks for.  With `snapshot` it does not boot: it goes on from there.
    """
    with ExitStack() as undo:
        start = _Boot(machine, lifetime, undo, time.monotonic() + timeout, caller)
        vm = start.run(group, timeout, snapshot)
        vm.close = undo.pop_all().close
    return vm


class _Boot:
    def __init__(self, machine: Machine, lifetime: Lifetime, undo: ExitStack, deadline: float, caller: Caller) -> None:
        self.machine, self.lifetime, self.undo, self.deadline = machine, lifetime, undo, deadline
        self.caller = caller
        modules = machine.kernel.modules
        wanted = [*machine.modules]
        if all(modules.knows(name) for name in CHANNEL):
            wanted = [*CHANNEL, *wanted]
        self.modules = modules.to_load(*wanted)

    def run(self, group: Group | None, timeout: float, snapshot: Snapshot | None) -> Vm:
        pairs = {name: socket.socketpair() for name in ("first", "port", "console", "monitor")}
        for ours, theirs in pairs.values():
            self.undo.callback(ours.close)
            self.undo.callback(theirs.close)
        console = Console(pairs["console"][0])
        self.undo.callback(console.close)
        monitor = Monitor(pairs["monitor"][0])
        self.undo.callback(monitor.close)
        pid = self._qemu({name: theirs.fileno() for name, (_, theirs) in pairs.items()}, group, snapshot)
        for _, theirs in pairs.values():
            theirs.close()
        line = pairs["first"][0].detach()
        other = pairs["port"][0].detach()
        serial, port = FdChannel(line, line), FdChannel(other, other)
        self.undo.callback(port.close)
        try:
            if snapshot is not None:
                vm = self._restored(port, console, monitor, pid)
                vm.descriptor = snapshot.descriptor
                serial.close()
            else:
                self._watch(line, monitor, console, timeout, pid)
                vm = Vm(self.machine, Agent(serial), console, monitor, pid)
                self._prepare(vm, port)
            self.undo.callback(vm.agent.close)
        except AgentLost as error:
            console.settle()
            serial.close()
            what = f"the kernel {self.machine.kernel.path} did not boot to the agent ({self.machine.accel})"
            if snapshot is not None:
                what = f"the machine did not go on from {snapshot.file or f'the snapshot {snapshot.tag} of its disk'}"
            raise BootError(what, str(error), console.tail()) from None
        return vm

    def _restored(self, port: FdChannel, console: Console, monitor: Monitor, pid: int) -> Vm:
        try:
            while (status := monitor.status()) == "inmigrate":
                if time.monotonic() > self.deadline:
                    raise AgentLost("QEMU did not restore the machine in time")
                time.sleep(0.01)
            if status not in ("paused", "running"):
                raise AgentLost(f"QEMU restored a machine that is {status}, expected paused or running")
            went_on = time.monotonic()
            monitor.ask("cont")
        except AgentLost:
            raise
        except BoxError:
            raise AgentLost("QEMU ended") from None
        vm = Vm(self.machine, Agent(port, machine="x86_64"), console, monitor, pid)
        vm.channel, vm.fast, vm.went_on = port, True, went_on
        return vm

    def _watch(self, line: int, monitor: Monitor, console: Console, timeout: float, pid: int) -> None:
        """Wait for the agent's first byte.

        Raises AgentLost when QEMU ends or stops the machine, the kernel halts, or time is up.
        """
        nudge = time.monotonic() + NUDGE_S
        while not select.select([line], [], [], 0.5)[0]:
            try:
                status = monitor.status()
                if self.machine.accel == "tcg" and time.monotonic() > nudge:
                    # Seen on a busy host: TCG lost the guest's timer, and all that slept slept on.  It sets it anew.
                    monitor.ask("stop")
                    monitor.ask("cont")
                    nudge = time.monotonic() + NUDGE_S
            except BoxError:
                raise AgentLost("QEMU ended") from None
            if status != "running":
                raise AgentLost(f"QEMU stopped the machine: {status}")
            if console.said(HALTED):
                raise AgentLost("the kernel halted")
            if time.monotonic() > self.deadline:
                used = sum(psutil.Process(pid).cpu_times()[:2])  # little: the host is busy; much: the kernel loops
                raise AgentLost(f"no word from the agent within {timeout:g} s, with {used:.0f} s of a processor")
        with socket.socket(fileno=os.dup(line)) as same:
            if not same.recv(1, socket.MSG_PEEK):
                raise AgentLost("QEMU ended")

    def _qemu(self, fds: dict[str, int], group: Group | None, snapshot: Snapshot | None) -> int:
        """Start QEMU from an agent of the host: it dies with that, and that with us."""
        directory = self.lifetime.new_directory("vm")
        self.undo.callback(self.lifetime.remove_directory, directory)
        (directory / "initramfs").write_bytes(self._initramfs())
        kept = state.opened(snapshot.file) if snapshot is not None and snapshot.file is not None else None
        inherited = (*fds.values(), *([kept] if kept is not None else []), *self.caller.handed)
        root = directory / "root"
        if self.machine.own_root:
            root.mkdir()
        line = command(self.machine, os.fspath(directory / "initramfs"), fds, snapshot, kept, os.fspath(root))
        local = start_local(pass_fds=inherited)
        self.undo.callback(local.close)
        self.caller.bring(local.proc)
        if kept is not None:
            os.close(kept)
        child = local.proc.spawn()
        self.undo.callback(child.end)
        self.lifetime.register("process", f"{child.pid}:{started(child.pid)}")
        if group is not None:
            group.add(child.pid)
        for fd in inherited:
            local.proc.close(fd)  # or the end of QEMU would close nothing
        if self.machine.account:
            self.undo.callback(process.watched(local.proc, child.pid).end)
        child.prctl(PR.SET_THP_DISABLE, 1)  # a page the guest touches costs the host a page, not 2 MiB
        null = must(child.openat(AT_FDCWD, "/dev/null", os.O_RDWR), "/dev/null").value
        # Its errors go where the console goes: both say why there is no agent.
        stdio = (null, null, fds["console"])
        its = self.machine.emulator.environment if self.machine.emulator is not None else ()
        environ = self.caller.environ([f"PATH={launcher.PATH}", *its])
        launcher.execute(child, line[0], line, environ, stdio, keep=inherited)
        return child.pid

    def _initramfs(self) -> bytes:
        entries = [Entry(path=name, kind="dir", mode=0o755) for name in (b"dev", b"proc", b"sys", b"box", b"modules")]
        entries.append(Entry(path=b"init", kind="file", mode=0o755, data=agent_binary("x86_64").read_bytes()))
        for name, path in self.modules.items():
            entries.append(Entry(path=f"modules/{name}".encode(), kind="file", data=read_module(path)))
        return to_cpio(
            Image(tuple(entries)), (Node(b"dev/console", 5, 1), Node(b"dev/ttyS1", 4, 65), Node(b"dev/hvc0", 229, 0))
        )

    def _prepare(self, vm: Vm, port: FdChannel) -> None:
        proc = vm.agent.proc
        for name in self.modules:
            program = Program()
            fd = program.openat(AT_FDCWD, f"/modules/{name}", os.O_RDONLY)
            loaded = program.finit_module(fd, "", 0)
            program.close(fd)
            program.unlinkat(AT_FDCWD, f"/modules/{name}")
            _accept(proc.run(program)[loaded], name)
        proc.syslog(8, 1)  # SYSLOG_ACTION_CONSOLE_LEVEL: from here only what is fatal
        vm.console.boot_ends()
        must(proc.mount("dev", "/dev", "devtmpfs"), "mounting /dev")
        known = all(vm.machine.kernel.modules.knows(name) for name in CHANNEL)
        while not (opened := proc.openat(AT_FDCWD, PORT, os.O_RDWR)).ok:
            if not known:
                return  # nobody could say whether it is built in, and it is not: the serial line must do
            if time.monotonic() > self.deadline:
                raise AgentLost(f"its virtio port did not appear: {opened}")
            time.sleep(0.02)
        vm.descriptor = vm.agent.move(opened.value, port)
        vm.channel, vm.fast = port, True
