"""What this host lets a Podman start, and which one a box is of."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.errors import BoxError, Cause, Unavailable, UsageError
from pytest_isolation.technologies import program
from pytest_isolation.technologies.base import flag
from pytest_isolation.technologies.crun import REFUSAL, refuses_this_host
from pytest_isolation.technologies.namespaces.user import check_user_namespaces
from pytest_isolation.technologies.podman import releases
from pytest_isolation.technologies.podman.engine import Engine
from pytest_isolation.technologies.subordinate import KINDS, owners

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

LIMITED = ("cpu", "memory", "pids")
"""Controllers that the claims of limits rest on."""


def engine_for(spec: BoxSpec) -> Engine:
    """Whose Podman a box of `spec` is.  Raises UsageError, Unavailable."""
    user = spec.option("user")
    if not flag(spec, "rootless") or os.geteuid() != 0:
        if user is not None:
            raise UsageError(f"user={user}: only with rootless=true, and started as root; else it is your own Podman")
        return Engine()
    if user is None:
        names = owners("uid")
        known = [entry for entry in pwd.getpwall() if entry.pw_name in names and entry.pw_uid != 0]
        if not known:
            raise Unavailable(
                "rootless=true, started as root, needs an account with a range in /etc/subuid",
                "useradd --create-home NAME, then user=NAME; or run pytest as an ordinary user",
            )
        user = known[0].pw_name
    engine = Engine.of(str(user))
    if engine.uid == 0:
        raise UsageError(f"user={user}: that is root; expected an account without privileges")
    return engine


def check(engine: Engine, spec: BoxSpec) -> None:
    """Raises Unavailable when this Podman cannot start a box of `spec`."""
    program.version("podman", "podman")
    if engine.rootless:
        _check_rootless(engine, spec)
    try:
        engine.info()
    except BoxError as error:
        raise Unavailable(f"Podman does not work here: {error}", "see `podman info`") from None
    if spec.attached:
        return
    releases.check_control_groups(engine.info())
    if spec.network is None and engine.rootless:
        _check_rootless_network(engine)
    elif spec.network not in ("none", "host"):
        releases.check_firewall(engine.info())
    runtime(engine, spec)
    if isinstance(spec.image, str):
        try:
            engine.command("image", "inspect", "--format", "{{.Id}}", spec.image)
        except BoxError:
            raise Unavailable(
                f"Podman has no image {spec.image!r}, and nothing is pulled by itself",
                f"podman pull {spec.image}, or podman import FILE.tar {spec.image}",
            ) from None


def _check_rootless(engine: Engine, spec: BoxSpec) -> None:
    check_user_namespaces()
    for kind in KINDS:
        if not {engine.user, str(engine.uid)} & owners(kind):
            remedy = f"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {engine.user}"
            raise Unavailable(
                f"the user {engine.user} has no range in /etc/sub{kind}",
                cause=Cause("this user has no further ids (/etc/subuid, /etc/subgid)", remedy),
            )
    program.find("newuidmap", "uidmap")


def _check_rootless_network(engine: Engine) -> None:
    device, host = Path("/dev/net/tun"), engine.info()["host"]
    if not device.exists() or not (device.stat().st_mode & 0o006 == 0o006 or device.stat().st_uid == engine.uid):
        raise Unavailable(
            f"rootless Podman's own network needs /dev/net/tun, which {engine.user} may not open",
            "network=none measures it without a network; or chmod 0666 /dev/net/tun",
        )
    needs = str(host.get("rootlessNetworkCmd") or "slirp4netns")  # podman-info(1): the first since 5.0
    if not (host.get(needs) or {}).get("executable"):
        raise Unavailable(
            f"rootless Podman's own network needs {needs}, which is not installed",
            f"apt install {'passt' if needs == 'pasta' else needs}; or network=none measures it without a network",
        )


def runtime(engine: Engine, spec: BoxSpec) -> tuple[str, str | None]:
    """The OCI runtime's name, and a note when it is not Podman's own choice.  Raises Unavailable."""
    asked = spec.option("runtime")
    own = str(engine.info()["host"]["ociRuntime"].get("name") or "crun")
    name = str(asked or own)
    if Path(name).name == "crun" and refuses_this_host():
        if asked is not None:
            raise Unavailable(f"runtime={asked}: crun refuses this host: {REFUSAL}", "give runtime=runc")
        note = f"with runc: {own}, Podman's own runtime, refuses this host ({REFUSAL})"
        return program.find("runc", "runc"), note
    if asked is not None:
        program.find(name, Path(name).name)
    # Podman is started in a directory of ours, and a path counts from the user's.
    return os.path.abspath(name) if "/" in name else name, None


def program_of(engine: Engine, runtime: str) -> str:
    """The path of its own runtime, as it tells it; empty for another, which is looked for in PATH."""
    own = engine.info()["host"]["ociRuntime"]
    return str(own.get("path") or "") if own.get("name") == runtime else ""


def facts(engine: Engine, spec: BoxSpec) -> dict[str, Any]:
    """For the report.  Raises Unavailable."""
    check(engine, spec)
    info = engine.info()
    host, security = info["host"], info["host"].get("security", {})
    return {
        "version": info["version"]["Version"],
        "runtime": Path(runtime(engine, spec)[0]).name if not spec.attached else None,
        "rootless": engine.rootless,
        "cgroup": host.get("cgroupVersion") or cgroups.mode(),
        "cgroup_version": host.get("cgroupVersion"),
        "cgroup_manager": host.get("cgroupManager"),
        "storage_driver": info["store"].get("graphDriverName"),
        "seccomp": security.get("seccompEnabled", False),
        "apparmor": security.get("apparmorEnabled", False),
        "network_backend": host.get("networkBackend"),
        # Rootless, of v1 hierarchies, it has none: podman-run(1) says so of each limit.
        "uncontrolled": [one for one in LIMITED if one not in host.get("cgroupControllers", LIMITED)],
    }
