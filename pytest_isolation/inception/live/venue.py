"""Where a stack is audited live: a Docker daemon, a place to run make in, and ways to its ports and processes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.technologies.docker import daemon as daemons

PASSED_ON = ("DOCKER_HOST", "DOCKER_BUILDKIT", "COMPOSE_DOCKER_CLI_BUILD", "http_proxy", "https_proxy", "no_proxy")
KNOCK_S = 10
CLIENT_S = 60
"""For one answer of the daemon."""


COMPOSE_PLUGIN = """#!/bin/sh
# A plugin of Docker's command line: tells what it is when asked, and is called with its own name first.
if [ "$1" = docker-cli-plugin-metadata ]; then
  echo '{"SchemaVersion":"0.1.0","Vendor":"pytest-isolation","Version":"1"}'
  exit
fi
shift
exec docker-compose "$@"
"""
"""`docker compose`, where only docker-compose is installed."""
SUDO = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
exec env "$@"
"""
"""For who is root already."""


class StackView(Protocol):
    """A stack that runs, from outside."""

    docker: Any
    """docker.DockerClient of its daemon."""
    address: str | None
    """Of that daemon, where it is another than this machine's."""
    ports_of_ours: frozenset[int]
    """Of its machine, which the audit itself listens on."""
    patience: float
    """How many times slower than usual its machine may be."""

    def read(self, path: str) -> bytes:
        """A file of its machine.  Raises OSError."""

    def reach(self, port: int) -> tuple[str, int]:
        """Address and port under which a port of its machine is reached from here."""

    def takes_connections(self, port: int) -> bool:
        """Whether somebody listens on a port of its machine."""

    def name_of(self, pid: int) -> str | None:
        """What the kernel calls the process; None when this user may not see it."""


class DeployTarget(StackView, Protocol):
    """Where a stack is started."""

    top: str
    """Where the copy of the submission is, as its programs call it."""

    def run(self, argv: Sequence[str], *, cwd: str, log: Path, timeout: float) -> int:
        """The exit status; all it said goes to the end of `log`.

        `cwd` is relative to `top`.  Raises TimedOut when it was ended.
        """

    def ask(self, argv: Sequence[str], *, cwd: str, timeout: float) -> tuple[int, str, str]:
        """(exit status, standard output, standard error)"""

    def crash(self, pid: int) -> None:
        """SIGKILL from outside the container, as if it had crashed: the daemon has no part in it."""


class TimedOut(Exception):
    """A program did not end in its time and was killed; the message says which, and how long that is."""


class Here:
    """This machine's Docker daemon, as a view."""

    address: str | None = None
    ports_of_ours: frozenset[int] = frozenset()
    patience = 1.0

    def __init__(self) -> None:
        """Raises Unavailable when none answers."""
        self.docker: Any = daemons.client(CLIENT_S)

    def read(self, path: str) -> bytes:
        """A file of this machine.  Raises OSError."""
        return Path(path).read_bytes()

    def reach(self, port: int) -> tuple[str, int]:
        """(address, port) at which the audit reaches a port of this machine."""
        return "127.0.0.1", port

    def takes_connections(self, port: int) -> bool:
        """Whether somebody accepts a TCP connection there."""
        try:
            socket.create_connection(self.reach(port), timeout=KNOCK_S).close()
        except OSError:
            return False
        return True

    def name_of(self, pid: int) -> str | None:
        """The name that the kernel has for a process (/proc/PID/comm); None where it is gone."""
        try:
            return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="surrogateescape").strip()
        except OSError:
            return None

    def close(self) -> None:
        """Closes the connection to Docker; nothing is ended."""
        self.docker.close()


class Host(Here):
    """Programs run as this user, in a control group and with an /etc/hosts of their own."""

    def __init__(self, top: Path, lifetime: Lifetime, environment: Mapping[str, str], name: str) -> None:
        """`environment` is the programs'; `name` is the site's, for their /etc/hosts."""
        super().__init__()
        self.top = str(top)
        self._lifetime = lifetime
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self._environment = passed | dict(environment)
        self._hosts = lifetime.new_directory("hosts") / "hosts"
        self._hosts.write_text(
            Path("/etc/hosts").read_text(encoding="utf-8", errors="surrogateescape") + f"127.0.0.1 {name}\n",
            encoding="utf-8",
        )

    def run(self, argv: Sequence[str], *, cwd: str, log: Path, timeout: float) -> int:
        """Runs a command on this machine, in `cwd`, with what it says added to `log`; its exit status.

        Raises TimedOut after `timeout` seconds.
        """
        with log.open("ab") as said:
            said.write(f"$ {' '.join(argv)}\n".encode())
            said.flush()
            return self._run(argv, cwd, timeout, said, said)

    def ask(self, argv: Sequence[str], *, cwd: str, timeout: float) -> tuple[int, str, str]:
        """Runs a command on this machine, in `cwd`: (exit status, output, errors).

        Raises TimedOut after `timeout` seconds.
        """
        with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
            status = self._run(argv, cwd, timeout, told, said)
            for file in (told, said):
                file.seek(0)
            return status, told.read().decode("utf-8", "replace"), said.read().decode("utf-8", "replace")

    def _run(self, argv: Sequence[str], cwd: str, timeout: float, told: IO[bytes], said: IO[bytes]) -> int:
        """Its output goes to `told` and `said`.  When it ends, whatever it started has ended as well."""
        group = self._lifetime.new_group("make", Limits())
        if group is None:
            raise Unavailable("this user may not make a control group", "run as root")
        # Mounts of its own: what it writes to /etc/hosts stays in a copy.
        alone = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(self._hosts), *argv]
        try:
            process = subprocess.Popen(
                alone, cwd=os.path.join(self.top, cwd), env=self._environment, stdin=subprocess.DEVNULL,
                stdout=told, stderr=said, start_new_session=True, preexec_fn=lambda: group.add(os.getpid()),
            )  # fmt: skip
            try:
                return process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise TimedOut(f"{' '.join(argv)} did not end in {timeout:g} s") from None
            finally:
                group.kill()
                process.wait()
        finally:
            group.remove()

    def crash(self, pid: int) -> None:
        """Sends SIGKILL to a process of this machine, by its pid there."""
        os.kill(pid, signal.SIGKILL)


def check_host() -> None:
    """Raises Unavailable where a stack cannot be audited live on this machine, or could not be taken away again."""
    daemon = daemons.connect(None)
    daemon.check_answers()
    if os.geteuid() != 0:
        raise Unavailable(
            "only root can crash a process of a container and remove the files that containers wrote",
            "run as root (sudo), or audit it in a machine of its own: --inception-live vm",
        )
    if not daemon.is_ours:
        raise Unavailable(
            "the Docker daemon is on another machine, or in namespaces of its own: its processes cannot be seen here",
            "run where dockerd runs",
        )
    for program, package in (("make", "make"), ("unshare", "util-linux"), ("docker", "docker.io, or docker-cli")):
        if shutil.which(program) is None:
            raise Unavailable(f"{program} is not installed", f"apt install {package}")


def tools(place: Path) -> dict[str, str]:
    """Environment in which `docker compose`, `docker-compose` and `sudo` all work, whichever is installed.

    `place` is a new directory for what is missing.  Raises Unavailable when there is no compose at all.
    """
    config = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    if not plugin and shutil.which("docker-compose") is None:
        raise Unavailable("neither `docker compose` nor docker-compose is installed", "apt install docker-compose")
    if not plugin:
        _script(place / "config/cli-plugins/docker-compose", COMPOSE_PLUGIN)
        config = place / "config"
    if shutil.which("docker-compose") is None:
        _script(place / "bin/docker-compose", '#!/bin/sh\nexec docker compose "$@"\n')
    if shutil.which("sudo") is None:
        _script(place / "bin/sudo", SUDO)
    return {"DOCKER_CONFIG": str(config), "PATH": f"{place / 'bin'}:{os.environ.get('PATH', os.defpath)}"}


def _script(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    except OSError as error:
        raise BoxError(f"{path} cannot be written: {error.strerror}") from error
