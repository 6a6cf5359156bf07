"""From a box spec to what containers.run() of the SDK takes: its limits, its holes, and keywords.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.words import in_utf8
from pytest_isolation.errors import UsageError
from pytest_isolation.technologies import launcher, neighbours
from pytest_isolation.technologies.docker import lacking
from pytest_isolation.technologies.docker.daemon import LABEL, Daemon
from pytest_isolation.technologies.docker.holes import OPENS, Plan
from pytest_isolation.technologies.docker.keywords import known_keywords, user_keywords
from pytest_isolation.technologies.docker.limits import swap_of
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import limits_asked
from pytest_isolation.technologies.opens import folded
from pytest_isolation.technologies.ports import at_any_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.handed import Handed


def _place(outside: str) -> tuple[str, ...] | str | None:
    """As `docker run -p` takes it, PORT, ADDRESS:PORT or ADDRESS: (any port there), in the SDK's form."""
    address, found, port = str(outside).rpartition(":")
    if not found:
        return outside or None
    return (address.strip("[]"), port) if port else (address.strip("[]"),)


SYSTEM_PATHS = "systempaths=unconfined"
"""Of --security-opt, and the docker command's own: the daemon does not know it."""


class Settings:
    """What one container is created with.  `create` and `host` are keywords of the SDK's low-level calls."""

    def __init__(self, spec: BoxSpec, daemon: Daemon, *, agent: str, run_id: str) -> None:
        self.spec, self.daemon = spec, daemon
        self.plan = folded(OPENS, Plan(), spec)
        self.binds: list[str] = []
        self.raw: dict[str, Any] = {}
        """Fields of HostConfig in its own words."""
        asked = user_keywords(spec)
        create, _ = known_keywords()
        self.create: dict[str, Any] = {key: value for key, value in asked.items() if key in create}
        self.host: dict[str, Any] = {key: value for key, value in asked.items() if key not in create}
        self.create |= {
            "entrypoint": [agent],
            "command": [],
            "stdin_open": True,
            "use_config_proxy": False,
            "labels": {LABEL: run_id} | self.create.get("labels", {}),
        }
        self.host |= {"auto_remove": not spec.stop_signal, "log_config": {"type": "none"}}
        if spec.stop_signal:
            self.create["stop_signal"] = spec.stop_signal
        self.binds += self.host.pop("volumes", [])
        self.bare = not self.plan.masks
        if SYSTEM_PATHS in (options := self.host.get("security_opt", [])):
            self.host["security_opt"] = [one for one in options if one != SYSTEM_PATHS]
            self.bare = True
        if "ports" in self.host:
            ports = self.host.pop("ports")
            self.host["port_bindings"] = {
                inside: _place(at_any_port(str(outside)) if spec.any_port else outside)
                for inside, outside in ports.items()
            }
            self.create["ports"] = [tuple(inside.split("/", 1)) for inside in sorted(ports)]
        for one in (*spec.publish, *self.plan.published):
            address = one.address if self.plan.binds_addresses else "0.0.0.0"
            self.host.setdefault("port_bindings", {})[f"{one.inside}/tcp"] = (address,)
            self.create.setdefault("ports", []).append((str(one.inside), "tcp"))
        if "network" in self.create:
            self.host["network_mode"] = self.create.pop("network")
        self._identity()
        self._limits()
        self._file_systems()
        self._namespaces()
        self._defences()
        for limit in limits_asked(spec):
            self._add("ulimits", {"Name": limit.resource, "Soft": limit.soft, "Hard": limit.hard})
        self._in_vain()

    def _identity(self) -> None:
        """An image of ours gets what every box has; the user's own keeps what it says unless told otherwise."""
        spec = self.spec.delivered
        mine = not isinstance(spec.image, str)
        self.create["environment"] = (
            ({"PATH": launcher.PATH} if mine else {}) | launcher.handed_variables(self.spec) | dict(spec.env)
        )
        if (mine or self.spec.uid or self.spec.gid) and "user" not in self.create:
            self.create["user"] = f"{spec.uid}:{spec.gid}"
        if mine or self.spec.workdir != "/":
            self.create["working_dir"] = spec.workdir

    def _limits(self) -> None:
        limits = launcher.limits_of(self.spec)
        if limits.memory is not None:
            both = swap_of(limits.memory, self.host.get("memswap_limit"))
            self.host |= {"mem_limit": limits.memory, "memswap_limit": both}
        elif self.spec.memory is not None:
            self.host.pop("memswap_limit", None)
        if limits.pids is not None:
            self.host["pids_limit"] = limits.pids
        if limits.cpus is not None:
            self.host["nano_cpus"] = int(limits.cpus * 1e9)

    def guarded_by(self, parent: str | None) -> None:
        """Put the container below the guard's group; without one, no limit of its own may pass the guard's."""
        if parent is not None:
            self.host["cgroup_parent"] = parent
            return
        guard = launcher.GUARD
        self.host.setdefault("mem_limit", guard.memory)
        self.host.setdefault("memswap_limit", self.host["mem_limit"])
        self.host.setdefault("pids_limit", guard.pids)
        if "cpu_quota" not in self.host:
            # More than the machine has is an error to the daemon.
            self.host.setdefault("nano_cpus", int(min(guard.cpus or 1, self.daemon.info.get("NCPU", 1)) * 1e9))

    def _file_systems(self) -> None:
        spec = self.spec
        if spec.read_only:
            self.host["read_only"] = self.plan.read_only
            self.host["tmpfs"] = {"/tmp": "size=16m,mode=1777", "/run": "size=16m"} | self.host.get("tmpfs", {})

    def hand_in(self, one: Handed) -> None:
        """Mount what is handed in, in the place of a tmpfs that was to be there."""
        self.host.get("tmpfs", {}).pop(one.target, None)
        self.binds.append(f"{one.host}:{one.target}:rw")

    def _namespaces(self) -> None:
        spec = self.spec
        if spec.network is not None:
            self.host["network_mode"] = spec.network
        modes = {"pid": "pid_mode", "net": "network_mode", "ipc": "ipc_mode", "uts": "uts_mode", "cgroup": "cgroupns"}
        sibling = spec.started_beside
        if (around := neighbours.beside(spec)) is not None:
            self.host |= {modes[kind]: mode for kind, mode in around.modes.items()}
            words = {"UsernsMode": "userns_mode", "CgroupnsMode": "cgroupns", "Runtime": "runtime"}
            self.host |= {words[key]: value for key, value in around.other.items() if key in words}
            if around.networks:
                self.host["network_mode"] = around.networks[0]
        for kind, key in modes.items():
            if kind in self.plan.shared:
                self.host[key] = "host"
            elif kind in self.plan.joined:
                if sibling is not None:
                    self.host[key] = f"container:{sibling.parts.id}"
                elif kind == "ipc":
                    self.host[key] = "shareable"
        host_modes = [self.host.get(key) == "host" for key in ("pid_mode", "network_mode")]
        if not self.plan.maps_users:
            self.host["userns_mode"] = "host"
        elif self.daemon.security("userns") and (any(host_modes) or self.host.get("privileged")):
            # The daemon refuses these together with user namespaces.
            self.host["userns_mode"] = "host"
        joined = str(self.host.get("network_mode", "")).startswith("container:")
        if joined and "net" in self.plan.joined:
            # The daemon refuses both together; what the network publishes is its first box's.
            self.host.pop("port_bindings", None)
            self.create.pop("ports", None)
        if not joined and self.host.get("uts_mode") != "host":
            self.create["hostname"] = spec.delivered.hostname

    def _defences(self) -> None:
        if self.plan.granted:
            self._add("cap_add", *self.plan.granted)
        if self.spec.weakenings and self.daemon.security("apparmor"):
            # docker-default denies mount(2), ptrace(2) and signals to others whatever else was opened.
            self._add("security_opt", "apparmor=unconfined")
        for key, value in self.plan.added:
            self._add(key, value)
        if not self.plan.first:
            self.host["init"] = True

    def _add(self, key: str, *values: Any) -> None:
        self.host[key] = [*self.host.get(key, []), *values]

    def _in_vain(self) -> None:
        """What the machine cannot give; of a list, it is one more."""
        for key, value in (in_vain(self.spec, lacking.WORDS) or {}).items():
            if key == "user":
                self.create[key] = value
            elif isinstance(value, list):
                self._add(key, *value)
            else:
                self.host[key] = value

    def create_container(self, image: str, name: str) -> dict[str, Any]:
        """The daemon's answer: Id and Warnings.  Raises what the SDK raises, and UsageError."""
        api = self.daemon.api
        self.create, self.host, self.binds = map(in_utf8, (self.create, self.host, self.binds))
        if self.binds:
            self.host["binds"] = self.binds
            self.create["volumes"] = [bind.split(":")[1] for bind in self.binds if bind.count(":")]
        try:
            host = api.create_host_config(**self.host)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{self.spec.id}: the Docker SDK does not take these keywords: {error}") from None
        if self.bare:
            # What the docker command sends for it; the SDK has no keyword.
            host |= {"MaskedPaths": [], "ReadonlyPaths": []}
        host |= self.raw
        keywords: Mapping[str, Any] = self.create
        call: Callable[..., dict[str, Any]] = api.create_container
        return call(image, name=name, host_config=host, **keywords)
