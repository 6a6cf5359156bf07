"""One machine that is a box: started, with what it is handed of the host; and moved, by way of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.handle import BoxHandle, Pausing
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.qemu import guest, holes, process, share, state
from pytest_isolation.technologies.qemu.machine import Snapshot
from pytest_isolation.technologies.qemu.snapshot import start
from pytest_isolation.technologies.qemu.vm import boot

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pytest_isolation.agent.client import Agent, Proc
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.qemu.machine import Machine
    from pytest_isolation.technologies.qemu.vm import Vm


class Start(Building):
    """`machine`: without what it is handed; `kind`: of share.KINDS, where directories of the host can be handed in."""

    def __init__(
        self, spec: BoxSpec, machine: Machine, kind: str | None, notes: list[str], lifetime: Lifetime, undo: ExitStack
    ) -> None:
        super().__init__(spec, lifetime, undo)
        self.machine, self.kind, self.notes = machine, kind, notes
        self.plan = holes.plan_of(spec)
        self.shares: list[share.Share] = []
        self.daemons: list[share.Daemon] = []
        self.group = launcher.new_groups(spec, lifetime, Limits(cpus=launcher.limits_of(spec).cpus), undo)

    def parts(self) -> BoxHandle:
        """Start it.  Raises as Technology.launch()."""
        given = self.given_volumes(keeps_read_only=self.plan.read_only)
        self.shares = [
            share.Share(one.directory, one.target, not one.writable, f"share{number}")
            for number, one in enumerate(given)
        ]
        if self.kind is not None and self.shares:
            sockets = self.directory("share")
            self.machine = share.fitted(self.machine, self.kind, self.shares, sockets)
            if self.kind == "virtiofs":
                self.daemons = list(share.serve(self.shares, sockets, self.lifetime, self.group, self.undo))
        self.machine = process.with_its_process(self.machine, self.spec, self.plan, self.lifetime, self.undo)
        with share.told_of(self.daemons):
            return self._become(
                start(
                    self.machine,
                    self.lifetime,
                    group=self.group,
                    caller=self.spec.caller,
                    seeded=self.plan.fresh_random,
                )
            )

    def _become(self, vm: Vm) -> BoxHandle:
        self.undo.callback(vm.close)
        return self._handle(vm, guest.become_box(vm, self.spec, self._mount))

    def _mount(self, proc: Proc, root: str) -> None:
        if self.kind is not None:
            share.mount(proc, self.kind, self.shares, root)

    def _handle(self, vm: Vm, agent: Agent) -> BoxHandle:
        self.undo.callback(agent.close)
        group = self.group
        return BoxHandle(
            agent=agent,
            kernel_pid=vm.pid,
            group=group,
            volumes=self.volumes,
            shares_kernel=False,
            pausing=Pausing(lambda: vm.monitor.ask("stop"), lambda: vm.monitor.ask("cont")),
            move=(lambda: self._moved(vm)) if self.machine.moves and vm.descriptor is not None else None,
            image_files=(self.machine.kernel.path,),
            size=lambda: process.size(vm.monitor),
            memory_overhead=group.memory_bytes() if group is not None and group.has("memory") else None,
            notes=self.notes,
            measured={"accel": "kvm" if vm.monitor.kvm() else "tcg"},
        )

    def _moved(self, vm: Vm) -> BoxHandle:
        """Its state in a file, its process ended, and another one that goes on from there."""
        if not self.plan.keeps_state:
            vm.close()
            return self._become(boot(self.machine, self.lifetime, group=self.group, caller=self.spec.caller))
        assert vm.descriptor is not None
        directory = self.lifetime.new_directory("kept")
        try:
            kept = Snapshot(directory / "state", vm.descriptor)
            vm.monitor.ask("stop")
            state.write(vm.monitor, directory / "state")
            vm.close()
            there = boot(self.machine, self.lifetime, group=self.group, snapshot=kept, caller=self.spec.caller)
        finally:
            self.lifetime.remove_directory(directory)
        self.undo.callback(there.close)
        return self._handle(there, there.agent)
