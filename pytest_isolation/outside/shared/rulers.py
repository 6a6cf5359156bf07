"""The sockets of the daemons that rule a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.outside.shared import places
from pytest_isolation.outside.shared.found import shared
from pytest_isolation.outside.shared.roads import on_the_host

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box

USUAL = (
    "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock",
    "/run/docker/metrics.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/libvirt/libvirt-sock",
    "/run/systemd/notify", "/run/udev/control",
)  # fmt: skip
"""Those that are tried whether or not a table shows them."""


def rulers(box: Box) -> list[str]:
    """Every ruling socket that the host of `box` has, each once: in the kernel's table, and what the box was handed."""
    listed = [path for path in _bound(box) if places.rules(path)]
    handed = [one.host for one in shared(box) if one.kind == "socket" and one.why and one.host]
    found: dict[tuple[int, int], str] = {}
    for path in (*handed, *USUAL, *listed):
        if (identity := on_the_host(box, path)) is not None:
            found.setdefault(identity, path)
    return list(found.values())


def _bound(box: Box) -> list[str]:
    """Paths that UNIX sockets of the host are bound to, as proc_net(5) has them: unix."""
    try:
        lines = box.outside.path("/proc/net/unix").read_text(errors="replace", encoding="utf-8").splitlines()
    except OSError:
        return []
    rows = (line.split(None, 7) for line in lines)
    return [row[7] for row in rows if len(row) == 8 and row[7].startswith("/")]
