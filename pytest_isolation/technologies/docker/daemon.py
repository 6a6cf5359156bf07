"""The Docker daemon: reaching it, what it is, and what of ours it has; errors.py has its errors."""

from __future__ import annotations

import os
import socket
import struct
import time
from contextlib import suppress
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from pytest_isolation.errors import BoxError, IsolationError, Unavailable, UsageError
from pytest_isolation.technologies.docker.errors import explained, said, unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import APIClient, DockerClient

LABEL = "pytest-isolation.run"
"""On every container and image of ours: the run that made it."""

DEFAULT = "unix:///var/run/docker.sock"
TIMEOUT_S = 60
REMOVAL_S = 30.0
UNUSED_S = 10.0
"""How long a container that has ended may still count as a user of its image."""


def cgroup_of(info: Mapping[str, Any]) -> str:
    """v1 or v2, of the daemon's machine, as its `docker info` says.  Before 20.10 it does not: those know v1 alone."""
    return f"v{info.get('CgroupVersion') or 1}"


class Daemon:
    """One daemon, connected to once for the whole process.  `api` is the SDK's low-level client."""

    def __init__(self, api: APIClient, host: str | None, where: str) -> None:
        self.api: Any = api
        self.host = host
        """As the user gave it; None: from the environment."""
        self.where = where

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """As `docker info` has it, asked once.  Raises Unavailable."""
        with explained("asking the Docker daemon what it is"):
            return dict(self.api.info())

    def check_answers(self) -> None:
        """Raises Unavailable when the daemon that answered before does so no longer."""
        try:
            _probe(self.where)
            self.api.ping()
        except IsolationError:
            raise
        except Exception as error:
            raise unreachable(error, self.where) from None

    def check_runtime(self, runtime: str | None) -> None:
        """Raises Unavailable, with those it has, for one that it has not."""
        known = sorted(self.info.get("Runtimes") or ())
        if runtime is not None and runtime not in known:
            raise Unavailable(
                f"the Docker daemon has no runtime {runtime!r}; it has {', '.join(known)}",
                "name it in /etc/docker/daemon.json under runtimes and restart the daemon",
            )

    def security(self, word: str) -> bool:
        """Whether the daemon lists this security option: seccomp, apparmor, userns, rootless, ..."""
        return any(f"name={word}" in option.split(",") for option in self.info.get("SecurityOptions") or ())

    @cached_property
    def is_ours(self) -> bool:
        """Whether the daemon lives on this host and in our namespaces: a path or a group means the same to both.

        unix(7), SO_PEERCRED: the peer's pid is 0 when our PID namespace does not have it.  A peer may
        forward the connection to another machine (ssh -L), so the daemon's kernel and host name must be ours as well.
        Also False over a network, where this test cannot decide: there an observer box decides (observer.py).
        """
        path = _path(self.where)
        if path is None or not self._says_it_is_here():
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.connect(path)
                pid, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            return pid > 0 and all(
                os.readlink(f"/proc/{pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")
                for kind in ("pid", "mnt", "cgroup", "user")
            )
        except OSError:
            return False

    def _says_it_is_here(self) -> bool:
        """By its kernel and its host name."""
        here = os.uname()
        return (self.info.get("KernelVersion"), self.info.get("Name")) == (here.release, here.nodename)

    def maps_users(self, mode: Any) -> bool:
        """Whether a container with this userns_mode has an id map of its own."""
        return self.security("userns") and mode != "host"

    def facts(self) -> dict[str, Any]:
        """For the report; asked anew, since a daemon can be upgraded during a long session."""
        with explained("asking the Docker daemon what it is"):
            version = self.api.version()
        info = self.info
        return {
            "version": version["Version"],
            "api": version["ApiVersion"],
            "cgroup": cgroup_of(info),
            "cgroup_version": str(info.get("CgroupVersion", "1")),
            "cgroup_driver": info.get("CgroupDriver"),
            "storage_driver": info.get("Driver"),
            "seccomp": self.security("seccomp"),
            "apparmor": self.security("apparmor"),
            "userns": self.security("userns"),
            "rootless": self.security("rootless"),
            "here": self.is_ours,
        }

    # -- taking things away --------------------------------------------------------------

    def remove_container(self, name: str) -> bool:
        """End and remove a container of ours and wait until it is gone; returns whether it was there.

        Raises BoxError for one without our label, and for one that does not go away.
        """
        from docker.errors import APIError, NotFound
        from requests.exceptions import RequestException

        try:
            found = self.api.inspect_container(name)
        except NotFound:
            return False
        self._check_label("container", name, found["Config"].get("Labels"))
        identity = found["Id"]
        deadline = time.monotonic() + REMOVAL_S
        while True:
            try:
                self.api.remove_container(identity, force=True, v=True)
                return True
            except NotFound:
                return True
            except APIError as error:
                # 409: the daemon is removing it already, as containers with auto_remove are.
                if error.status_code != 409 or time.monotonic() > deadline:
                    raise BoxError(f"the Docker daemon does not remove the container {name}: {said(error)}") from None
            with suppress(NotFound, RequestException):
                self.api.wait(identity, timeout=REMOVAL_S, condition="removed")

    def remove_volume(self, name: str) -> bool:
        """Remove a volume of ours; returns whether it was there.  Raises BoxError for one without our label."""
        from docker.errors import NotFound

        try:
            found = self.api.inspect_volume(name)
        except NotFound:
            return False
        self._check_label("volume", name, found.get("Labels"))
        self.api.remove_volume(name)
        return True

    def remove_image(self, tag: str) -> bool:
        """Remove an image of ours; returns whether it was there.  Raises BoxError for one without our label."""
        from docker.errors import APIError, NotFound

        deadline = time.monotonic() + UNUSED_S
        while True:
            try:
                found = self.api.inspect_image(tag)
                self._check_label("image", tag, (found.get("Config") or {}).get("Labels"))
                # Never by force: that takes only the name from an image in use, and leaves the rest for good.
                self.api.remove_image(tag)
            except NotFound:
                return False
            except APIError as error:
                if error.status_code != 409 or time.monotonic() > deadline:
                    raise BoxError(f"the Docker daemon does not remove the image {tag}: {said(error)}") from None
                self._remove_users(tag)
                time.sleep(0.1)
            else:
                return True

    def _remove_users(self, tag: str) -> None:
        """The containers of ours that hold an image; nobody else can have made one of a tag that is a run's own."""
        for found in self.api.containers(all=True, filters={"ancestor": tag, "label": LABEL}):
            self.remove_container(found["Id"])

    @staticmethod
    def _check_label(kind: str, name: str, labels: Mapping[str, str] | None) -> None:
        if LABEL not in (labels or {}):
            raise BoxError(f"the {kind} {name} does not carry the label {LABEL}: it is somebody else's, and kept")


def connect(host: str | None) -> Daemon:
    """The daemon at `host` (None: DOCKER_HOST and its kin, else the usual socket).

    Raises Unavailable with what to do, UsageError for an address that is none.
    """
    if host is not None and not isinstance(host, str):
        raise UsageError(f"host={host!r}: expected one address, for example host=unix:///run/user/1000/docker.sock")
    known = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
    return _connect(host, tuple(os.environ.get(name) for name in known))


def client(timeout: float) -> DockerClient:
    """The SDK's high-level client of the usual daemon, for the caller to close; a call has `timeout` seconds.

    Raises Unavailable with what to do: the SDK would leave a socket open, and say it in three wrappings.
    """
    connect(None).check_answers()
    import docker

    return docker.from_env(timeout=timeout)  # type: ignore[arg-type]


@cache
def _connect(host: str | None, environment: tuple[str | None, ...]) -> Daemon:
    """`environment` is what decides besides `host`: part of the key.  A failure is not remembered."""
    try:
        import docker
        from docker.utils import kwargs_from_env

        from pytest_isolation.technologies.docker import ssh
    except ImportError:
        raise Unavailable("the Docker SDK for Python is not installed", "pip install docker") from None
    where = host or environment[0] or DEFAULT
    try:
        _probe(where)
        if where.startswith("ssh://"):
            return Daemon(ssh.client(where, TIMEOUT_S), host, where)
        settings = kwargs_from_env() | ({"base_url": host} if host else {})
        api = docker.APIClient(version="auto", timeout=TIMEOUT_S, **settings)
    except IsolationError:
        raise
    except Exception as error:
        raise unreachable(error, where) from None
    return Daemon(api, host, where)


# A connection that two processes read from gives each a part of the other's answers.
os.register_at_fork(after_in_child=_connect.cache_clear)


def _path(where: str) -> str | None:
    """The socket's path; None for another kind of address."""
    for scheme in ("unix://", "http+unix://"):
        if where.startswith(scheme):
            return "/" + where.removeprefix(scheme).lstrip("/")
    return None


def _probe(where: str) -> None:
    """Raises the plain OSError when nobody listens: the SDK would wrap it thrice, and leave its socket open."""
    if where.startswith("ssh://"):
        from pytest_isolation.technologies.docker import ssh

        ssh.probe(where)
    elif (path := _path(where)) is not None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(path)


def mounts_of(found: Mapping[str, Any]) -> dict[str, tuple[str, bool]]:
    """What an inspected container was given: target -> (the path on the daemon's machine, whether it is read-only)."""
    mounts = [one for one in found.get("Mounts") or [] if one.get("Destination") and one.get("Source")]
    return {str(one["Destination"]): (str(one["Source"]), not one.get("RW", True)) for one in mounts}
