"""A machine of its own for an untrusted submission: make, the daemon and the containers run in it and end with it."""

from __future__ import annotations

import io
import os
import re
import signal
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.programs import Completed
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.inception.live.venue import COMPOSE_PLUGIN, SUDO, TimedOut
from pytest_isolation.machines import start
from pytest_isolation.machines.docker import PORT
from pytest_isolation.outside.network.listeners import sockaddr_in

MEMORY = 3072 * MIB
CLIENT_S = 300
"""For one answer of the daemon: without KVM a machine is ten to thirty times slower."""
TRANSLATED = 8.0
"""How much more time things are given without KVM."""
SCRIPTS = {
    "/usr/local/lib/docker/cli-plugins/docker-compose": COMPOSE_PLUGIN,
    "/usr/local/bin/sudo": SUDO,
}


class InMachine:
    """The copy is carried in; ports are reached through forwarded ones.  `close` ends the machine, and all in it."""

    def __init__(
        self, copy: Path, lifetime: Lifetime, login: str, environment: Mapping[str, str], name: str,
        tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        """Raises Unavailable where no machine can be started."""
        import docker

        tell("starting a machine with a Docker daemon")
        self._machine = start(lifetime, memory=MEMORY, internet=True, say=tell)
        self.address: str | None = self._machine.address
        self.ports_of_ours = frozenset({PORT})
        self.patience = 1.0 if self._machine.vm.machine.accel == "kvm" else TRANSLATED
        try:
            self.top = f"/home/{login}/inception"
            self._environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **environment}
            self._ports: dict[int, int] = {}
            self.docker: Any = docker.DockerClient(base_url=self._machine.address, timeout=CLIENT_S)
            self._carry_in(copy, name)
        except BaseException:
            self._machine.close()
            raise

    def _carry_in(self, copy: Path, name: str) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(copy, self.top)
            for path, text in SCRIPTS.items():
                entry = tarfile.TarInfo(path)
                entry.mode, entry.size = 0o755, len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
        done = self._machine.run(["tar", "-x", "-C", "/"], stdin=archive.getvalue(), timeout=CLIENT_S)
        if done.code != 0:
            raise BoxError(f"the submission could not be carried into the machine: {done.stderr[-200:]!r}")
        hosts = self._machine.box.read_file("/etc/hosts")
        self._machine.box.write_file("/etc/hosts", hosts + f"127.0.0.1 {name}\n".encode())

    def lend_images(self, tags: Iterable[str]) -> None:
        """Those of them that this machine's Docker has: what is here need not be fetched."""
        from pytest_isolation.inception.live import leftovers
        from pytest_isolation.technologies.docker import daemon as daemons

        try:
            here = daemons.connect(None)
            here.check_answers()
        except Unavailable:
            return
        for tag in tags:
            if leftovers.identity(here, tag) is not None:
                self.docker.images.load(b"".join(here.api.get_image(tag)))

    def run(self, argv: Sequence[str], *, cwd: str, log: Path, timeout: float) -> int:
        """Runs a command on the machine, in `cwd`, with what it says added to `log`; its exit status.

        Raises TimedOut after `timeout` seconds.
        """
        with log.open("ab") as said:
            said.write(f"$ {' '.join(argv)}\n".encode())
            done = self._run(argv, 'cd "$0" && exec "$@" 2>&1', cwd, timeout)
            said.write(done.stdout)
        return done.code

    def ask(self, argv: Sequence[str], *, cwd: str, timeout: float) -> tuple[int, str, str]:
        """Runs a command on the machine, in `cwd`: (exit status, output, errors).

        Raises TimedOut after `timeout` seconds.
        """
        done = self._run(argv, 'cd "$0" && exec "$@"', cwd, timeout)
        return done.code, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    def _run(self, argv: Sequence[str], script: str, cwd: str, timeout: float) -> Completed:
        line = ["sh", "-c", script, os.path.normpath(f"{self.top}/{cwd}"), *argv]
        try:
            return self._machine.run(line, env=self._environment, timeout=timeout)
        except TimeoutError:
            raise TimedOut(f"{' '.join(argv)} did not end in {timeout:g} s") from None

    def read(self, path: str) -> bytes:
        """A file of the machine.  Raises OSError."""
        try:
            return self._machine.box.read_file(path)
        except BoxError as error:
            raise OSError(str(error)) from None

    def reach(self, port: int) -> tuple[str, int]:
        """(address, port) at which the audit reaches a port of the machine."""
        if port not in self._ports:
            self._monitor(f"hostfwd_add net tcp:127.0.0.1:0-:{port}")
            told = self._monitor("info usernet")
            for match in re.finditer(r"TCP\[HOST_FORWARD\]\s+\S+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)", told):
                self._ports[int(match[2])] = int(match[1])
            if port not in self._ports:
                raise BoxError(f"QEMU does not forward port {port}: {told.strip()}")
        return "127.0.0.1", self._ports[port]

    def _monitor(self, line: str) -> str:
        return str(self._machine.vm.monitor.ask("human-monitor-command", **{"command-line": line}))

    def takes_connections(self, port: int) -> bool:
        """Asked in the machine: QEMU's forwarded port takes every connection, and drops it then."""
        proc = self._machine.box.proc
        fd = proc.socket(2, 1).value
        try:
            return bool(proc.connect(fd, sockaddr_in("127.0.0.1", port)).ok)
        finally:
            proc.close(fd)

    def crash(self, pid: int) -> None:
        """Sends SIGKILL to a process of the machine, by its pid there."""
        reply = self._machine.box.proc.kill(pid, signal.SIGKILL)
        if not reply.ok:
            raise BoxError(f"killing process {pid} of the machine: {reply}")

    def name_of(self, pid: int) -> str | None:
        """The name that the kernel has for a process (/proc/PID/comm); None where it is gone."""
        try:
            return self._machine.box.read_file(f"/proc/{pid}/comm").decode("utf-8", "replace").strip()
        except BoxError:
            return None

    def close(self) -> None:
        """Ends the machine, and closes the connection to its Docker."""
        self.docker.close()
        self._machine.close()
