"""What is compared: the agent in each box, and two ways of others into the same Docker container."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import IsolationError
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.pool import Pool

TECHNOLOGIES = ("host", "namespaces", "docker", "qemu")

Kill = Callable[[int, int], object]
"""kill(pid, signal) in the box: one operation, and what it answered."""


@dataclass(frozen=True, slots=True)
class Side:
    """`kill`: how this side makes the one call of the property, in `box`."""

    name: str
    box: Box
    kill: Kill


def available() -> list[str]:
    """Those of TECHNOLOGIES that run here; says why the others do not."""
    found = []
    for name in TECHNOLOGIES:
        if name not in names():
            continue
        try:
            technology(name).check_available(BoxSpec(technology=name))
            found.append(name)
        except IsolationError as error:
            print(f"not measured: {name}: {error}", flush=True)
    return found


@contextmanager
def sides() -> Iterator[list[Side]]:
    """Every side, alive at once."""
    with ExitStack() as undo:
        lifetime = Lifetime()
        undo.callback(lifetime.close)
        pool = Pool(lifetime)
        undo.callback(pool.close)
        found = []
        for name in available():
            spec = BoxSpec(technology=name, image=tools() if name == "docker" else None)
            box = pool.box(spec)
            found.append(Side(f"agent in {name}", box, box.proc.kill))
            if name == "docker":
                found += _others(box, undo)
        yield found


def _others(box: Box, undo: ExitStack) -> Sequence[Side]:
    """The Docker SDK's exec, and pytest-testinfra, which runs the docker command."""
    import docker
    import testinfra

    client = docker.from_env()
    undo.callback(client.close)
    container = client.containers.get(box.parts.id)
    host: Any = testinfra.get_host(f"docker://{box.parts.name}")

    def by_sdk(pid: int, sig: int) -> object:
        return container.exec_run(["/bin/sh", "-c", f"kill -s {sig} {pid}"])

    def by_testinfra(pid: int, sig: int) -> object:
        return host.run("kill -s %s %s", str(sig), str(pid))

    return Side("docker exec by SDK", box, by_sdk), Side("pytest-testinfra", box, by_testinfra)


def tools() -> Image:
    """This host's /bin/sh with the libraries it needs: what the other two sides cannot do without."""
    shell = Path("/bin/sh").resolve()
    listed = subprocess.run(["ldd", shell], capture_output=True, text=True, check=True).stdout
    files = {b"bin/sh": shell}
    files |= {path.lstrip("/").encode(): Path(path) for path in re.findall(r"(/\S+) \(0x", listed)}
    directories = {parent for path in files for parent in _parents(path)}
    entries = [Entry(path=path, kind="dir", mode=0o755) for path in sorted(directories)]
    entries += [Entry(path=path, kind="file", mode=0o755, data=file.read_bytes()) for path, file in files.items()]
    return Image(tuple(entries))


def _parents(path: bytes) -> list[bytes]:
    parts = path.split(b"/")[:-1]
    return [b"/".join(parts[: depth + 1]) for depth in range(len(parts))]
