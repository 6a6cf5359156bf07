"""A registry of images on this machine's loopback: docker-registry(1), for as long as it is wanted."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies import program

PATIENCE_S = 20


@contextmanager
def registry(lifetime: Lifetime, directory: Path) -> Iterator[str]:
    """Its address, 127.0.0.1:PORT; what it keeps is in `directory`, which it makes.  Raises Unavailable."""
    command = program.find("docker-registry", "docker-registry")
    (directory / "kept").mkdir(parents=True)
    with socket.socket() as free:  # it takes no descriptor, and tells no port that it chose itself
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "kept")}},
        "http": {"addr": address},
    }
    (directory / "config.yml").write_text(json.dumps(settings), encoding="utf-8")  # any JSON is YAML
    log = directory / "log"
    with program.serving([command, "serve", str(directory / "config.yml")], log, lifetime) as process:
        _wait(address, process, log)
        yield address


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            asked = http.client.HTTPConnection(address, timeout=2)
            try:
                asked.request("GET", "/v2/")
                if asked.getresponse().status == http.client.OK:
                    return
            finally:
                asked.close()
        time.sleep(0.05)
    said = " ".join(log.read_text(encoding="utf-8", errors="replace").split())[-200:]
    raise Unavailable(f"docker-registry does not answer at {address}: {said}", "try `docker-registry serve` by hand")
