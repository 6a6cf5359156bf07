"""A daemon at the other end of ssh(1), as the docker command reaches it: `ssh HOST docker system dial-stdio`.

Each connection is a process of ssh with one end of a socket pair for its input and output.  It ends when ours does,
however that ends; keys, ports and names are the user's ssh configuration's.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from typing import Any
from urllib.parse import urlsplit

import docker
from docker.transport import unixconn
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from pytest_isolation.errors import Unavailable, UsageError

PING = b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n"
PATIENCE_S = 30
EXPECTED = "expected ssh://USER@HOST:PORT"


def command(where: str) -> list[str]:
    """The line for `ssh://[USER@]HOST[:PORT]`.  Raises UsageError for another address, Unavailable without ssh."""
    try:
        parts = urlsplit(where)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{where!r} is no address of a Docker daemon ({error}); {EXPECTED}") from None
    if not host or parts.path.strip("/") or parts.password is not None:
        raise UsageError(f"{where!r} is no address of a Docker daemon; {EXPECTED}")
    if shutil.which("ssh") is None:
        raise Unavailable("ssh is not installed", "apt install openssh-client")
    line = ["ssh", "-T", "-o", "BatchMode=yes"]
    line += ["-p", str(port)] if port is not None else []
    line += ["-l", parts.username] if parts.username else []
    return [*line, "--", host, "docker", "system", "dial-stdio"]


def probe(where: str) -> None:
    """Raises Unavailable with what ssh said when no daemon answers there."""
    try:
        done = subprocess.run(command(where), input=PING, capture_output=True, timeout=PATIENCE_S)
        said = " ".join(done.stderr.decode(errors="replace").split())
    except subprocess.TimeoutExpired:
        done, said = None, f"nothing within {PATIENCE_S} s"
    if done is None or b" 200 " not in done.stdout:
        raise Unavailable(f"no Docker daemon answers at {where}: {said}", "`ssh HOST docker version` must work")


def client(where: str, timeout: int) -> docker.APIClient:
    """The SDK's client over such connections: its own for ssh gives no socket to attach to."""
    api: Any = docker.APIClient(base_url="unix:///unused", version="1.41", timeout=timeout)
    api._custom_adapter = _Adapter(command(where), timeout)
    api.mount("http+docker://", api._custom_adapter)
    api._version = api._retrieve_server_version()
    made: docker.APIClient = api
    return made


class _Adapter(unixconn.UnixHTTPAdapter):
    def __init__(self, line: list[str], timeout: int) -> None:
        super().__init__("http+unix:///unused", timeout)
        self._line = line

    def get_connection(self, url: Any, proxies: object = None) -> Any:
        with self.pools.lock:
            if (pool := self.pools.get(url)) is None:
                pool = self.pools[url] = _Pool(self._line, self.timeout)
            return pool


class _Pool(HTTPConnectionPool):
    def __init__(self, line: list[str], timeout: int) -> None:
        super().__init__("localhost", timeout=timeout, maxsize=10)
        self._line, self._seconds = line, timeout

    def _new_conn(self) -> HTTPConnection:
        return _Connection(self._line, self._seconds)


class _Connection(HTTPConnection):
    def __init__(self, line: list[str], timeout: int) -> None:
        super().__init__("localhost", timeout=timeout)
        self._line, self._seconds = line, timeout

    def connect(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            end = theirs.fileno()
            process = subprocess.Popen(self._line, stdin=end, stdout=end, stderr=subprocess.DEVNULL)
        ours.settimeout(self._seconds)
        self.sock = ours
        # Whoever attaches keeps the socket and not this: somebody must wait for the process.
        threading.Thread(target=process.wait, name="ssh", daemon=True).start()
