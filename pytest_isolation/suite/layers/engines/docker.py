"""Docker: the daemon loads the image and runs a container of it, whose root the host reads."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.suite.layers.engines.engine import Stored
from pytest_isolation.technologies.docker.daemon import LABEL, Daemon, connect
from pytest_isolation.technologies.docker.errors import explained
from pytest_isolation.technologies.room import Refused


class Docker:
    """The Docker daemon of this machine."""

    def __init__(self, daemon: Daemon, lifetime: Lifetime) -> None:
        facts = daemon.facts()
        self.version = f"{facts['version']} {facts['storage_driver']}"
        self._daemon, self._lifetime = daemon, lifetime

    @contextmanager
    def unpacked(self, stored: Stored) -> Iterator[bytes]:
        """As Engine.unpacked."""
        api, tag = self._daemon.api, stored.tag
        self._lifetime.register("docker:image", f"{tag} {self._daemon.host or ''}".strip())
        try:
            with explained("loading an image"), stored.archive.open("rb") as archive:
                said = list(api.load_image(archive))
            errors = [" ".join(str(line["error"]).split()) for line in said if "error" in line]
            if errors:
                raise Refused(errors[0])
            with self._container(tag) as pid:
                yield os.fsencode(f"/proc/{pid}/root")
        finally:
            with explained("removing an image"):
                self._daemon.remove_image(tag)

    @contextmanager
    def _container(self, tag: str) -> Iterator[int]:
        """A container of the image; the pid of its process, which waits for its standard input."""
        name = f"pytest-isolation-layers-{secrets.token_hex(6)}"
        self._lifetime.register("docker:container", f"{name} {self._daemon.host or ''}".strip())
        try:
            with explained("starting a container"):
                made = self._daemon.api.create_container(
                    tag,
                    name=name,
                    stdin_open=True,
                    labels={LABEL: self._lifetime.run_id},
                    host_config=self._daemon.api.create_host_config(network_mode="none", log_config={"type": "none"}),
                )
                self._daemon.api.start(made["Id"])
                pid = int(self._daemon.api.inspect_container(made["Id"])["State"]["Pid"])
            if not pid:
                raise BoxError(f"the container {name} ended at once")
            yield pid
        finally:
            self._daemon.remove_container(name)


@contextmanager
def ready() -> Iterator[Docker]:
    """The usual daemon.  Raises Unavailable where it is not this machine's, or we are not root."""
    daemon = connect(None)
    if not daemon.is_ours or os.geteuid() != 0:
        raise Unavailable(
            "a container's root is read by root beside the daemon, and you are not root, or the daemon is elsewhere",
            "run as root on the machine of the daemon",
        )
    lifetime = Lifetime()
    try:
        yield Docker(daemon, lifetime)
    finally:
        lifetime.close()
