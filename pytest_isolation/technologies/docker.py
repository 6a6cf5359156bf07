"""Docker through its SDK: the image is made by us and imported, nothing is pulled.

The agent is the container's first process; we speak with it over the attach socket, and the exec
door is an exec of the same agent.  Sources: Docker Engine API v1.41, moby daemon/pkg/oci/defaults.go.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.client import Agent
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.box import Box, Parts
from pytest_isolation.boxes.image import Image, base_image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import MIB, BoxSpec
from pytest_isolation.boxes.weakenings import (
    LOSSES,
    Weakenings,
    drop,
    expose,
    grant,
    join_sibling,
    lossy,
    share,
    unlimited,
)
from pytest_isolation.errors import AgentLost, BoxError, Unavailable, UsageError
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.base import refuse_unknown_holes

LABEL = "pytest-isolation.run"
AGENT = "/.pytest-isolation-agent"
"""Where the agent is in an image that is not ours."""

EXPOSED = ("/", "/tmp", "/run", "/sys/fs/cgroup", "/dev")
GRANTED = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH", "SYS_TIME", "SYS_NICE")


class Docker:
    name = "docker"
    start_ms = 500
    keywords: Mapping[str, str] = {
        "host": "the daemon's address, for example unix:///run/docker.sock (default: as the docker command finds it)",
        "*": "any keyword of containers.run() of the Docker SDK, for example runtime=runsc or cap_add=NET_ADMIN+SYS_TIME",
    }

    def weakenings(self) -> Weakenings:
        opened = {share(kind) for kind in ("pid", "net", "ipc", "uts", "cgroup")}
        opened |= {join_sibling(kind) for kind in ("pid", "net", "ipc")}
        opened |= {unlimited(what) for what in ("memory", "pids", "cpu")} | {lossy(aspect) for aspect in LOSSES}
        opened |= {drop(what) for what in ("masks", "init", "read-only", "seccomp", "private-root")}
        opened |= {expose(path) for path in EXPOSED} | {grant(name) for name in GRANTED}
        return frozenset(opened)

    def check_available(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        client = _client(spec)
        try:
            if isinstance(spec.image, str):
                _user_image(client, spec.image)
        finally:
            client.close()

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        client = _client(spec)
        try:
            info = client.info()
            return {
                "version": client.version()["Version"],
                "runtime": spec.option("runtime", info.get("DefaultRuntime")),
                "cgroup_driver": info.get("CgroupDriver"),
                "cgroup_version": info.get("CgroupVersion"),
                "storage_driver": info.get("Driver"),
                "security": sorted(info.get("SecurityOptions") or ()),
            }
        finally:
            client.close()

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        started = time.perf_counter()
        refuse_unknown_holes(self, spec)
        with ExitStack() as undo:
            client = _client(spec)
            undo.callback(client.close)
            start = _Start(client, spec, lifetime, undo)
            try:
                agent = start.run()
            except APIError as error:
                raise BoxError(f"the Docker daemon refused {spec.id}: {_said(error)}") from None
            parts = Parts(
                agent=agent,
                close=lambda: None,
                init_pid=start.pid,
                group=start.group,
                root=start.root(),
                volumes=start.volumes,
                enter=start.enter,
                address=start.address(),
                facts={"id": start.id, "shared": start.shared},
                started_ms=(time.perf_counter() - started) * 1e3,
            )
            parts.close = undo.pop_all().close
        return Box(spec, parts)

    def clean(self, kind: str, handle: str) -> bool:
        """`container` (by the name chosen before it was made) and `image`: only with our label."""
        client = docker.from_env(timeout=30)
        try:
            if kind == "container":
                found = client.containers.get(handle)
                if LABEL not in found.labels:
                    raise BoxError(f"container {handle} does not carry our label")
                found.remove(force=True)
            elif kind == "image":
                client.images.get(handle)
                client.images.remove(handle, force=True)
        except NotFound:
            return False
        finally:
            client.close()
        return True


def _client(spec: BoxSpec) -> docker.DockerClient:
    """Raises Unavailable, with what to do."""
    host = spec.option("host")
    try:
        client = docker.DockerClient(base_url=host, timeout=60) if host else docker.from_env(timeout=60)
        client.ping()
    except (DockerException, OSError) as error:
        said = str(error)
        if "Permission denied" in said:
            raise Unavailable("this user may not use the Docker daemon", "join the group docker, or run as root") from None
        where = host or os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        raise Unavailable(
            f"no Docker daemon answers at {where}", "install it (apt install docker.io) and start it (dockerd)"
        ) from None
    return client


def _said(error: APIError) -> str:
    return str(error.explanation or error).strip().replace("\n", " ")


def _user_image(client: docker.DockerClient, name: str) -> Any:
    try:
        return client.images.get(name)
    except (ImageNotFound, APIError):
        raise Unavailable(
            f"there is no image {name!r} in this daemon, and nothing is pulled",
            f"docker pull {name}, or docker import a tar of it",
        ) from None


def typed(value: Any) -> Any:
    """A keyword's text as the SDK wants it: true, false and numbers are what they look like."""
    if isinstance(value, tuple):
        return [typed(one) for one in value]
    if not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    return int(value) if re.fullmatch(r"-?[0-9]+", value) else value


class _Start:
    """One container, step by step."""

    def __init__(self, client: docker.DockerClient, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.client, self.spec, self.lifetime, self.undo = client, spec, lifetime, undo
        self.name = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
        self.volumes: dict[str, Path] = {}
        self.group: cgroups.Group | None = None
        self.pid: int | None = None
        self.id = ""
        self.binds: list[str] = []
        self.shared = ""

    def run(self) -> Agent:
        api, spec, undo = self.client.api, self.spec, self.undo
        image, path = self._image()
        local = self.client.info().get("CgroupDriver") == "cgroupfs" and not _remote(self.client)
        guard = self.lifetime.new_group(spec.name, launcher.GUARD) if local else None
        if guard is not None:
            undo.callback(guard.remove)
        config, host = self._config(guard)
        self.lifetime.register("docker:container", self.name)
        undo.callback(self._remove)
        created = api.create_container(
            image, [path], name=self.name, host_config=host, stdin_open=True, labels={LABEL: self.lifetime.run_id}, **config
        )
        self.id = created["Id"]
        stream = api.attach_socket(self.id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        channel = MultiplexedChannel(stream)
        undo.callback(channel.close)
        api.start(self.id)
        agent = Agent(channel)
        self.pid = self._init_pid()
        self.group = self._group()
        return agent

    # -- what is asked of the daemon -----------------------------------------------------

    def _image(self) -> tuple[str, str]:
        """The image's name and the agent's path in it."""
        spec = self.spec
        if isinstance(spec.image, str):
            _user_image(self.client, spec.image)
            binary = self.lifetime.new_directory("agent") / "agent"
            binary.write_bytes(agent_binary().read_bytes())
            binary.chmod(0o755)
            self.undo.callback(self.lifetime.remove_directory, binary.parent)
            self.binds.append(f"{binary}:{AGENT}:ro")
            return spec.image, AGENT
        image = (base_image() + (spec.image or Image())).carried(spec.weakenings)
        data = image.to_tar()
        tag = f"pytest-isolation:{hashlib.sha256(data).hexdigest()[:16]}-{self.lifetime.run_id}-{os.getpid()}"
        made: dict[str, bool] = self.lifetime.kept.setdefault("docker images", {})
        if tag not in made:
            self.lifetime.register("docker:image", tag)
            repository, _, version = tag.partition(":")
            self.client.api.import_image_from_data(data, repository=repository, tag=version)
            made[tag] = True
            if spec.image is None:
                self.lifetime.at_end(lambda: self._remove_image(tag))
            else:
                self.undo.callback(self._remove_image, tag)
                self.undo.callback(made.pop, tag, None)
        return tag, "/agent"

    def _remove_image(self, tag: str) -> None:
        client = _client(self.spec)
        try:
            with suppress(ImageNotFound):
                client.images.remove(tag, force=True)
        finally:
            client.close()

    def _config(self, guard: cgroups.Group | None) -> tuple[dict[str, Any], Any]:
        spec = self.spec
        asked = {key: typed(value) for key, value in spec.options if key != "host"}
        sibling = spec.extra.get("sibling")
        limits = launcher.limits_of(spec)
        host: dict[str, Any] = {
            "log_config": {"type": "none"},
            "auto_remove": False,
            "read_only": spec.read_only and not spec.has(drop("read-only")),
            "tmpfs": {"/tmp": "size=16m,mode=1777", "/run": "size=16m"} if spec.read_only else {},
            "cap_add": [hole.what for hole in sorted(spec.weakenings) if hole.kind == "grant"],
            "security_opt": [],
            "init": spec.has(drop("init")),
        }
        if guard is not None:
            host["cgroup_parent"] = f"/{guard.path}"
        if limits.memory is not None:
            host |= {"mem_limit": limits.memory, "memswap_limit": limits.memory}
        if limits.pids is not None:
            host["pids_limit"] = limits.pids
        if limits.cpus is not None:
            host |= {"cpu_period": 100_000, "cpu_quota": int(limits.cpus * 100_000)}
        if spec.network is not None:
            host["network_mode"] = spec.network
        for kind, key in (("pid", "pid_mode"), ("net", "network_mode"), ("ipc", "ipc_mode"), ("uts", "uts_mode")):
            if spec.has(share(kind)):
                host[key] = "host"
            elif spec.has(join_sibling(kind)):
                if sibling is not None:
                    host[key] = f"container:{sibling.parts.facts['id']}"
                elif kind == "ipc":
                    host[key] = "shareable"
        if spec.has(share("cgroup")):
            host["cgroupns"] = "host"
        elif not _joins(spec):
            host["cgroupns"] = "private"
        if spec.has(drop("seccomp")) or host["cap_add"]:
            # A capability alone is often not the hole: the default filter and profile still refuse the call.
            host["security_opt"] += ["seccomp=unconfined", "apparmor=unconfined"]
        self._mounts(host)
        for key in list(asked):
            if key in ("environment", "hostname", "working_dir", "user", "domainname", "mac_address", "stop_signal", "labels"):
                continue
            host[{"network": "network_mode"}.get(key, key)] = asked.pop(key)
        network = str(host.get("network_mode", ""))
        config: dict[str, Any] = {
            "environment": dict(spec.env),
            "user": f"{spec.uid}:{spec.gid}" if spec.uid or spec.gid else None,
            "working_dir": spec.workdir,
            "entrypoint": [],
        } | asked
        if network != "host" and not network.startswith("container:") and not spec.has(share("uts")):
            config.setdefault("hostname", spec.hostname)
        try:
            made = self.client.api.create_host_config(**host)
        except TypeError as error:
            key = str(error).rpartition(" ")[2].strip("'")
            raise UsageError(f"docker has no key {key!r}; expected a keyword of containers.run() of the Docker SDK") from None
        except DockerException as error:
            raise UsageError(f"docker does not take these keywords: {error}") from None
        if spec.has(drop("masks")):
            made |= {"MaskedPaths": [], "ReadonlyPaths": []}
        return config, made

    def _mounts(self, host: dict[str, Any]) -> None:
        spec = self.spec
        for volume in spec.volumes:
            directory = self.lifetime.new_directory("volume")
            directory.chmod(0o777)
            self.undo.callback(self.lifetime.remove_directory, directory)
            if volume.nested:
                from pytest_isolation.errors import Unsupported

                raise Unsupported("docker mounts nothing below a volume of its own")
            self.volumes[volume.target] = directory
            read_only = volume.read_only and not spec.has(drop("read-only"))
            self.binds.append(f"{directory}:{volume.target}:{'ro' if read_only else 'rw'}")
        for path in EXPOSED:
            if spec.has(expose(path)):
                self.binds.append(f"{path}:{'/host' if path == '/' else path}:rw")
        if spec.has(drop("private-root")):
            shared = self._shared_directory()
            self.binds += [f"{shared}/{name}:/{name}:rw" for name in ("tmp", "var", "home", "srv")]
        if self.binds:
            host["binds"] = self.binds

    def _shared_directory(self) -> Path:
        """One for a box and its sibling."""
        sibling = self.spec.extra.get("sibling")
        if sibling is not None:
            return Path(sibling.parts.facts["shared"])
        directory = self.lifetime.new_directory("shared")
        for name in ("tmp", "var", "home", "srv"):
            (directory / name).mkdir()
            (directory / name).chmod(0o1777)
        self.undo.callback(self.lifetime.remove_directory, directory)
        self.shared = os.fspath(directory)
        return directory

    # -- what became of it ---------------------------------------------------------------

    def _remove(self) -> None:
        with suppress(NotFound):
            self.client.api.remove_container(self.name, force=True, v=True)

    def _init_pid(self) -> int | None:
        """The first process as this host numbers it; None when the daemon's processes are not ours to see."""
        pid = self.client.api.inspect_container(self.id)["State"]["Pid"]
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return None
        return int(pid) if b"agent" in command or b"docker-init" in command or b"init" in command else None

    def _group(self) -> cgroups.Group | None:
        if self.pid is None:
            return None
        places: dict[str, Path] = {}
        roots = cgroups.hierarchies()
        for line in Path(f"/proc/{self.pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(",") if controllers else ["unified"]:
                if controller in roots:
                    place = roots[controller] / path.lstrip("/")
                    if place.is_dir() and place != roots[controller]:
                        places[controller] = place
        return cgroups.Group(self.id, places) if places else None

    def root(self) -> Path | None:
        merged = self.client.api.inspect_container(self.id).get("GraphDriver", {}).get("Data", {}) or {}
        path = Path(merged.get("MergedDir") or "/nonexistent")
        return path if path.is_dir() else None

    def address(self) -> str | None:
        networks = self.client.api.inspect_container(self.id)["NetworkSettings"]["Networks"] or {}
        return next((one["IPAddress"] for one in networks.values() if one.get("IPAddress")), None)

    def enter(self) -> Agent:
        api = self.client.api
        path = AGENT if isinstance(self.spec.image, str) else "/agent"
        made = api.exec_create(self.id, [path], stdin=True, stdout=True, stderr=True)
        stream = api.exec_start(made["Id"], socket=True)
        return Agent(MultiplexedChannel(stream))


def _joins(spec: BoxSpec) -> bool:
    return any(hole.kind == "join-sibling" for hole in spec.weakenings)


def _remote(client: docker.DockerClient) -> bool:
    return not str(client.api.base_url).startswith("http+docker://")


class MultiplexedChannel:
    """The attach stream: an 8-byte header (stream, length) before every piece of output.

    Docker Engine API, "Attach to a container", stream format.
    """

    PIECE_MAX = 4 * MIB

    def __init__(self, stream: Any) -> None:
        """`stream`: what the SDK gives for an attach or exec with socket=True; owned from now on."""
        self._stream = stream
        self._socket: socket.socket = getattr(stream, "_sock", stream)
        self._socket.setblocking(True)
        self._raw = bytearray()
        self._ready = bytearray()
        self._errors = bytearray()

    def send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise AgentLost(f"the container's stream is closed ({error.strerror})") from None

    def receive(self, count: int, deadline: float) -> bytes:
        while len(self._ready) < count:
            self._sort()
            if len(self._ready) >= count:
                break
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(262_144)
            except TimeoutError:
                raise
            except OSError as error:
                raise AgentLost(f"the container's stream broke ({error.strerror})") from None
            finally:
                with suppress(OSError):
                    self._socket.settimeout(None)
            if not data:
                told = self._errors.decode(errors="replace").strip()
                raise AgentLost(f"the container has ended{': ' + told if told else ''}")
            self._raw += data
        taken = bytes(self._ready[:count])
        del self._ready[:count]
        return taken

    def _sort(self) -> None:
        """Whole pieces only: a piece is believed when all of it is here."""
        while len(self._raw) >= 8:
            stream, length = struct.unpack_from(">BxxxI", self._raw)
            if stream not in (1, 2) or length > self.PIECE_MAX:
                raise AgentLost(f"the container's stream is not multiplexed output (stream {stream}, length {length})")
            if len(self._raw) < 8 + length:
                return
            piece = self._raw[8 : 8 + length]
            if stream == 1:
                self._ready += piece
            elif len(self._errors) < 4096:
                self._errors += piece
            del self._raw[: 8 + length]

    def close(self) -> None:
        for one in (self._socket, self._stream):
            with suppress(OSError, AttributeError):
                one.close()
