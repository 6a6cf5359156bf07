"""The technologies by name.  Each is imported when first asked for: the Docker SDK alone takes 130 ms."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from pytest_isolation.errors import UsageError
from pytest_isolation.technologies.base import Technology

__all__ = ["Technology", "import_all", "names", "technology", "undo"]

BUILT_IN = {
    "host": "pytest_isolation.technologies.host:Host",
    "chroot": "pytest_isolation.technologies.chroot:Chroot",
    "cgroup": "pytest_isolation.technologies.cgroup:Cgroup",
    "namespaces": "pytest_isolation.technologies.namespaces:Namespaces",
    "bubblewrap": "pytest_isolation.technologies.bubblewrap:Bubblewrap",
    "nspawn": "pytest_isolation.technologies.nspawn:Nspawn",
    "lxc": "pytest_isolation.technologies.lxc:Lxc",
    "runc": "pytest_isolation.technologies.runc:Runc",
    "crun": "pytest_isolation.technologies.crun:Crun",
    "gvisor": "pytest_isolation.technologies.gvisor:GVisor",
    "docker": "pytest_isolation.technologies.docker:Docker",
    "podman": "pytest_isolation.technologies.podman:Podman",
    "cri": "pytest_isolation.technologies.cri:Cri",
    "qemu": "pytest_isolation.technologies.qemu:Qemu",
    "attach": "pytest_isolation.technologies.attach:Attach",
    "command": "pytest_isolation.technologies.command:Command",
    "preset": "pytest_isolation.technologies.preset:Preset",
    "channel": "pytest_isolation.technologies.channel:Channel",
    "nested": "pytest_isolation.technologies.nested:Nested",
}
"""In the order of a report: from no isolation to a machine of its own."""

GROUP = "pytest_isolation.technologies"
"""The entry point group through which other packages add a technology."""

UNDOERS = "pytest_isolation.undoers"
"""The entry point group of those who register what is no technology's: NAME -> `undo(kind, handle) -> bool`.

Called for what a dead run registered as `NAME:KIND`; as `Technology.clean`.
"""


@cache
def _places() -> dict[str, str]:
    return BUILT_IN | {found.name: found.value for found in entry_points(group=GROUP)}


def names() -> tuple[str, ...]:
    """Every technology there is, the built-in ones first."""
    return tuple(_places())


@cache
def technology(name: str) -> Technology:
    """The technology called `name`; raises UsageError, with the names there are, when there is none."""
    if name not in _places():
        raise UsageError(
            f"no technology is called {name!r}; there are: {', '.join(names())}. "
            "`pytest --isolation-list` shows which of them this machine can run"
        )
    module, _, attribute = _places()[name].partition(":")
    made: Technology = getattr(import_module(module), attribute)()
    return made


def undo(kind: str, handle: str) -> bool:
    """Remove one thing that a dead run registered as `OWNER:KIND`; returns whether it was there.

    OWNER is a technology, or an entry point in UNDOERS.  Raises UsageError when it is neither; what the owner raises.
    """
    owner, _, own = kind.partition(":")
    if owner not in _places():
        for found in entry_points(group=UNDOERS, name=owner):
            return bool(found.load()(own, handle))
    return technology(owner).clean(own, handle)


def import_all() -> None:
    """All of them, before anything is drawn: each control asks each whether it can serve.

    Hypothesis draws constants of the modules that it finds imported and takes for the user's own, ours in a checkout
    among them: what is imported between two checks would give the second other inputs than the seed says.
    """
    for name in names():
        with suppress(Exception):  # one of another package: whoever needs it is told
            technology(name)
