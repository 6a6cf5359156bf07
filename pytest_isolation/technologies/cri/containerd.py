"""A containerd of the run's own, where no runtime here speaks the CRI: its own root, state, socket and bridge.

It ends with the run, and takes its pods along.  Sources: containerd-config.toml(5), docs/cri/config.md of containerd.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import MNT
from pytest_isolation.boxes.lifetime import mount_points, remove_tree
from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.technologies import program
from pytest_isolation.technologies.cri import client, images, network
from pytest_isolation.technologies.crun import refuses_this_host

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from pytest_isolation.boxes.lifetime import Lifetime

PAUSE = "docker.io/library/pytest-isolation-pause:1"
PLUGINS = ("/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni")
"""Where CNI's plugins are: as upstream has them, as Debian has them, as others have them."""
NEEDED = ("bridge", "host-local", "loopback")
SHIM_SOCKETS = Path("/run/containerd")
"""Whatever its state directory is, its shims listen below this one."""
CNI_RESULTS = Path("/var/lib/cni/results")
SOCKETS, PREFIX = Path("/run"), "ptpod"
"""A directory called as the bridge is has containerd's socket: below TMPDIR its path may be too long (unix(7))."""
UNUSED = ("aufs", "btrfs", "devmapper", "zfs")

CONFIG = """\
version = 2
root = "{place}/root"
state = "{place}/state"
disabled_plugins = [{disabled}]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  netns_mounts_under_state_dir = true
  disable_hugetlb_controller = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{place}/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
"""
HANDLER = """\
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{name}]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{name}.options]
        BinaryName = "{path}"
        Root = "{place}/runtimes"
"""
GVISOR = """\
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc]
      runtime_type = "io.containerd.runsc.v1"
"""
SHIM_OF_GVISOR = "containerd-shim-runsc-v1"
BRIDGE = Path(__file__).with_name("gvisor-handler.sh")
"""Without it runc's shim starts runsc by this: a second container of a pod, each pod's has one, would never answer."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The programs that a containerd of our own is made of."""

    containerd: str
    runc: str
    plugins: str
    """The directory of the CNI's."""


def needs() -> Needs:
    """Raises Unavailable, with what to install."""
    if os.geteuid() != 0:
        raise Unavailable(
            "no runtime here speaks the CRI to this user, and only root may start one",
            f"run as root, or set {client.VARIABLE}",
        )
    found = program.find("containerd", "containerd")
    program.find("ctr", "containerd")
    program.find("containerd-shim-runc-v2", "containerd")
    return Needs(found, program.find("runc", "runc"), plugins())


def plugins() -> str:
    """The directory with CNI's plugins.  Raises Unavailable."""
    for place in PLUGINS:
        if all(os.access(f"{place}/{name}", os.X_OK) for name in NEEDED):
            return place
    raise Unavailable(
        f"no directory has the network plugins {', '.join(NEEDED)}: {', '.join(PLUGINS)}",
        "apt install containernetworking-plugins",
    )


def handlers() -> dict[str, str]:
    """Runtime handler -> the program, of those that are installed."""
    found = {name: program.which(name) for name in ("runc", "crun", "runsc")}
    return {name: path for name, path in found.items() if path is not None}


def check_handler(name: str) -> None:
    """Raises Unavailable, with what is missing, for a handler that a containerd of ours cannot have here."""
    if name and name not in handlers():
        raise Unavailable(
            f"no runtime is called {name} here; there are {', '.join(handlers())}",
            "install it, or give endpoint=, a runtime that has it",
        )
    if name == "crun" and refuses_this_host():
        raise Unavailable(
            "crun refuses this host's control groups (hybrid)", "boot with systemd.unified_cgroup_hierarchy=1"
        )


def ours(lifetime: Lifetime) -> str:
    """The endpoint of this run's containerd, started when first asked for.  Raises Unavailable, BoxError."""
    known: str | None = lifetime.kept.get("cri containerd")
    if known is None:
        undo = ExitStack()
        lifetime.at_end(undo.close)
        with ExitStack() as failed:
            failed.push(undo)
            known = _start(needs(), lifetime, undo)
            failed.pop_all()
        lifetime.kept["cri containerd"] = known
    return known


def _start(programs: Needs, lifetime: Lifetime, undo: ExitStack) -> str:
    place = lifetime.new_directory("cri")
    bridge = f"{PREFIX}{secrets.token_hex(4)}"
    socket = SOCKETS / bridge / "s"
    made = int(not SHIM_SOCKETS.exists())
    left = f"{place} {bridge} {made}"
    lifetime.register("cri:containerd", left)
    undo.callback(remove, left)
    socket.parent.mkdir(mode=0o700)
    _configure(place, socket, bridge, network.make_bridge(bridge), programs)
    # The shims stay when containerd ends: with the group they end.  Registered later, so removed before.
    group = lifetime.new_group("containerd", images.ROOM)
    if group is not None:
        undo.callback(group.remove)
    started = program.Programs(group, undo)
    environ = [f"{name}={value}" for name, value in os.environ.items()]
    pid = started.start(
        [programs.containerd, "--config", os.fspath(place / "config.toml"), "--log-level", "error"], env=environ
    )
    undo.callback(_end, pid)
    endpoint = f"unix://{socket}"
    _await(endpoint, pid, started)
    images.make_pause(client.connect(endpoint), PAUSE, lifetime)
    return endpoint


def _configure(place: Path, socket: Path, bridge: str, subnet: IPv4Network, programs: Needs) -> None:
    # The first makes /opt/containerd; none of the others is asked for.
    disabled = ["io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing", "io.containerd.nri.v1.nri"]
    disabled += [f"io.containerd.snapshotter.v1.{name}" for name in UNUSED]
    text = CONFIG.format(
        place=place, socket=socket, pause=PAUSE, plugins=programs.plugins,
        disabled=", ".join(f'"{name}"' for name in disabled),
    )  # fmt: skip
    for name, path in handlers().items():
        if name == "runsc" and program.which(SHIM_OF_GVISOR) is not None:
            text += GVISOR
            continue
        started = _through_the_shim_of_runc(path, place) if name == "runsc" else path
        text += HANDLER.format(name=name, path=started, place=place)
    (place / "config.toml").write_text(text, encoding="utf-8")
    (place / "net.d").mkdir()
    pods = network.conflist(bridge, subnet, os.fspath(place / "addresses"))
    (place / "net.d" / "10-pods.conflist").write_text(json.dumps(pods), encoding="utf-8")


def _through_the_shim_of_runc(runsc: str, place: Path) -> str:
    """A program that runc's shim can start as it starts runc, and that has containers of gVisor."""
    (kept := place / "gvisor").mkdir()
    made = place / "runsc"
    text = text_of(BRIDGE)
    made.write_text(text.replace("{runsc}", runsc).replace("{kept}", os.fspath(kept)), encoding="utf-8")
    made.chmod(0o755)
    return os.fspath(made)


def _await(endpoint: str, pid: int, started: program.Programs) -> None:
    deadline = time.monotonic() + 60
    while True:
        with suppress(Unavailable, BoxError):
            if all(one.status for one in client.connect(endpoint).status().status.conditions):
                return
        if not Path(f"/proc/{pid}").exists() or time.monotonic() > deadline:
            raise BoxError(f"the containerd of this run does not answer{started.because()}")
        time.sleep(0.05)


def _end(pid: int) -> None:
    """By SIGTERM, as its own service is; what stays is killed with its group."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def remove(left: str) -> bool:
    """What a containerd of a run leaves: `PLACE BRIDGE MADE`; returns whether it was there."""
    directory, bridge, made = left.rsplit(" ", 2)
    place = Path(directory)
    there, inside = place.exists(), f"{place.resolve()}/"  # mountinfo has no symbolic link in a path
    with start_local() as local:
        for point in reversed(mount_points()):
            if point.startswith(inside):
                local.proc.umount2(point, MNT.DETACH)
    network.remove_bridge(bridge)
    for result in CNI_RESULTS.glob(f"{bridge}-*"):
        result.unlink(missing_ok=True)
    for listening in sockets_of_shims(place, SOCKETS / bridge / "s"):
        listening.unlink(missing_ok=True)
    if made == "1":
        for below in (SHIM_SOCKETS / "s", SHIM_SOCKETS):
            with suppress(OSError):
                below.rmdir()  # not where another's are
    remove_tree(SOCKETS / bridge)
    remove_tree(place)
    return there


def sockets_of_shims(place: Path, socket: Path) -> list[Path]:
    """Where shims of the containerd in `place`, that listens at `socket`, listen or did: who is killed leaves his.

    The name is a hash of what it is for: containerd's SocketAddress(), in runtime/v2/shim/util_unix.go.
    """
    bundles = place.glob("state/io.containerd.runtime.v2.task/*/*")
    names = (f"{socket}/{bundle.parent.name}/{bundle.name}" for bundle in bundles)
    return [SHIM_SOCKETS / "s" / hashlib.sha256(name.encode()).hexdigest() for name in names]


def is_ours(endpoint: str) -> bool:
    """Whether it is of a run's own, this one's or another's."""
    return endpoint.startswith(f"unix://{SOCKETS}/{PREFIX}")
