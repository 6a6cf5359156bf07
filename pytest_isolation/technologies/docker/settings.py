"""From a box spec to what containers.run() of the SDK takes: limits, holes, and the user's own keywords."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import values
from pytest_isolation.boxes.words import in_utf8
from pytest_isolation.errors import UsageError
from pytest_isolation.technologies import launcher, neighbours
from pytest_isolation.technologies.docker import flags, lacking, written
from pytest_isolation.technologies.docker.daemon import LABEL, Daemon
from pytest_isolation.technologies.docker.holes import OPENS, Plan
from pytest_isolation.technologies.docker.limits import swap_of
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import limits_asked
from pytest_isolation.technologies.opens import folded
from pytest_isolation.technologies.ports import at_any_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.handed import Handed

OURS = {
    "auto_remove": "every container is removed when its box ends",
    "command": "the agent is the command",
    "detach": "the agent's channel is attached",
    "entrypoint": "the agent is the entry point",
    "log_config": "the agent's traffic is never logged",
    "name": "the name says which run it belongs to; put the box's own before the = of --box",
    "restart_policy": "a box that ended stays ended",
    "stdin_open": "the agent is spoken to over it",
    "tty": "a terminal would change the agent's bytes",
    "use_config_proxy": "nothing is fetched in a box",
    "version": "the API's version is agreed with the daemon",
}
"""Keywords of containers.run() that are not the user's, and why."""

COMMON = {
    "environment": "env",
    "hostname": "hostname",
    "image": "image",
    "network_mode": "network",
    "working_dir": "workdir",
}
"""Keywords that have a word every technology knows: that one is to be used."""

STRUCTURED = frozenset((
    "blkio_weight_device", "device_read_bps", "device_read_iops", "device_requests", "device_write_bps",
    "device_write_iops", "healthcheck", "lxc_conf", "networking_config",
))  # fmt: skip
BOOLEAN = frozenset((
    "init", "network_disabled", "oom_kill_disable", "privileged", "publish_all_ports",
))  # fmt: skip
NUMBER = frozenset((
    "blkio_weight", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime",
    "cpu_shares", "mem_swappiness", "nano_cpus", "oom_score_adj", "pids_limit",
))  # fmt: skip
LIST = frozenset((
    "device_cgroup_rules", "dns", "dns_opt", "dns_search", "group_add", "volumes_from",
))  # fmt: skip
READERS: dict[str, Callable[[str], Any]] = {
    "cap_add": written.capability,
    "cap_drop": written.capability,
    "devices": written.device,
    "mounts": written.mount,
    "security_opt": written.security,
    "ulimits": written.ulimit,
    "volumes": written.volume,
}
MAP = {"extra_hosts": ":", "labels": "=", "links": ":", "ports": "=", "storage_opt": "=", "sysctls": "=", "tmpfs": ":"}
"""Keyword -> what stands between a key and its value, as the docker command writes it."""


@cache
def known_keywords() -> tuple[frozenset[str], frozenset[str]]:
    """What containers.run() takes: of the container, and of its host configuration."""
    from docker.models.containers import RUN_CREATE_KWARGS, RUN_HOST_CONFIG_KWARGS

    return frozenset(RUN_CREATE_KWARGS), frozenset(RUN_HOST_CONFIG_KWARGS) | {"ports", "volumes"}


def check_keywords(spec: BoxSpec) -> None:
    """Raises UsageError for a keyword, or a value, that the SDK would not take."""
    user_keywords(spec)


def user_keywords(spec: BoxSpec) -> dict[str, Any]:
    """The user's keywords with their values as the SDK wants them.  Raises UsageError."""
    create, host = known_keywords()
    found: dict[str, Any] = {}
    for key, value in spec.options:
        if key == "host":
            continue
        if spec.attached:
            if key == "container":
                continue
            raise UsageError(f"docker: {key}={value}: a running container is as it is; leave it out with container=")
        if key in OURS:
            raise UsageError(f"docker: {key} cannot be set: {OURS[key]}; leave it out")
        if key in COMMON:
            raise UsageError(f"docker: write {COMMON[key]}={value} for {key}: every technology knows that word")
        if key in STRUCTURED:
            raise UsageError(f"docker: {key} takes a structure that KEY=VALUE cannot say; leave it out")
        if (told := flags.told(key)) is not None:
            raise UsageError(f"docker has no keyword {key!r}; {told}")
        if key not in create | host:
            words = {*COMMON.values(), *values.COMMON, "host"}
            near = [
                *difflib.get_close_matches(key, sorted(words), 1),
                *difflib.get_close_matches(key, sorted((create | host) - set(OURS)), 1),
            ]
            hint = f"did you mean {near[0]!r}? " if near else ""
            hint += "expected a word that every box has, or a keyword of containers.run() of the Docker SDK"
            raise UsageError(f"docker has no keyword {key!r}; {hint}")
        found[key] = _typed(key, value)
    for keyword, word, asked in (
        ("mem_limit", "memory", spec.memory),
        ("pids_limit", "pids", spec.pids),
        ("nano_cpus", "cpus", spec.cpus),
        ("cpu_quota", "cpus", spec.cpus),
        ("user", "uid", spec.uid or spec.gid or None),
    ):
        if keyword in found and asked is not None:
            raise UsageError(f"docker: {word}={asked} and {keyword}={found[keyword]} set the same; give one of them")
    return found


def _typed(key: str, value: Any) -> Any:
    """`value` is a text, or a tuple of texts for a list."""
    texts = list(map(str, value)) if isinstance(value, tuple | list) else [str(value)]
    if key in READERS:
        return list(map(READERS[key], texts))
    if key in LIST:
        return texts
    if key in MAP:
        return dict(_pair(key, text, MAP[key]) for text in texts)
    if len(texts) != 1:
        raise UsageError(f"docker: {key} is a list ({', '.join(texts)}); expected one value")
    text = texts[0]
    if key in BOOLEAN:
        if text.lower() not in ("true", "false"):
            raise UsageError(f"docker: {key}={text}: expected true or false")
        return text.lower() == "true"
    if key in NUMBER:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise UsageError(f"docker: {key}={text}: expected a whole number")
        return int(text)
    if key in written.TEXTS:
        return written.text(key, text)
    return text


def _pair(key: str, text: str, separator: str) -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not name or not (found or key == "tmpfs"):
        raise UsageError(f"docker: {key} has {text!r}; expected NAME{separator}VALUE")
    if key == "tmpfs" and not name.startswith("/"):
        raise UsageError(f"docker: tmpfs has {text!r}; expected a path in the box, for example /run:size=16m")
    return name, value


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
            self.create["hostname"] = spec.hostname

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
