"""What a kernel feature is: data, and the small program that tries it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_isolation.support.kernel import version_of

if TYPE_CHECKING:
    from pytest_isolation.support.trial import Trial

RUN_AS_ROOT = "run as root"
Probe: TypeAlias = "Callable[[Trial], str | None]"
"""Tries the feature.  Returns a detail worth showing, or None; raises what trial.py raises when it does not work."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that turns off a feature the kernel was built with."""

    kind: Literal["sysctl", "parameter", "lockdown"]
    key: str
    """sysctl: its name with slashes; parameter: a word of the kernel's command line; lockdown: a level."""
    off: tuple[str, ...] = ()
    """Values that mean off; empty: its presence does."""
    only: Literal["root", "user", ""] = ""
    """Who is affected; empty: everybody."""
    remedy: str = ""
    built: str = ""
    """The kernel option without which nobody looks at it; empty: every kernel does."""
    before: tuple[int, int] | None = None
    """The first Linux that does not look at it any more."""


def sysctl(key: str, *off: str, to: str, only: Literal["root", "user", ""] = "") -> Switch:
    """A sysctl whose values `off` turn the feature off, and the value `to` on again."""
    return Switch("sysctl", key.replace(".", "/"), off, only, f"sysctl -w {key}={to}")


def parameter(word: str, *, built: str = "", before: str = "") -> Switch:
    """A boot parameter; "name=value" also fits a comma-separated list with that value in it."""
    remedy = f"remove {word} from the kernel's command line and reboot"
    return Switch("parameter", word, remedy=remedy, built=built, before=version_of(before) if before else None)


def lockdown(level: str) -> Switch:
    """A level of the lockdown security module, `integrity` or `confidentiality`."""
    return Switch("lockdown", level, remedy=f"boot without lockdown={level} (and without Secure Boot enforcing it)")


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing a kernel may or may not do."""

    id: str
    what: str
    """What it is for, in a few words."""
    tried: str
    """How it is tried: the first line of the probe's docstring."""
    probe: Probe
    config: tuple[str, ...] = ()
    """Kernel options without CONFIG_; all are needed, "A|B": either; "A@6.11": from that version on."""
    modules: tuple[str, ...] = ()
    """Modules that hold it where it is not built in; "A|B": either."""
    since: tuple[int, int] | None = None
    """The first Linux with it; None: older than anything supported."""
    switches: tuple[Switch, ...] = ()
    remedy: str = ""
    """What to do when it is refused and no switch explains that."""
    user: str = ""
    """Why an ordinary user is refused, where that is by design."""
    user_remedy: str = RUN_AS_ROOT
    """What to do about that."""

    @property
    def module_names(self) -> tuple[str, ...]:
        """Of all kernel modules that it may need, alternatives one by one."""
        return tuple(name for either in self.modules for name in either.split("|"))


REGISTRY: dict[str, Feature] = {}


def feature(
    id: str,
    what: str,
    *,
    config: str = "",
    modules: str = "",
    since: str = "",
    switches: tuple[Switch, ...] = (),
    remedy: str = "",
    user: str = "",
    user_remedy: str = RUN_AS_ROOT,
) -> Callable[[Probe], Probe]:
    """Declare the decorated probe's feature; `config` and `modules` are words separated by blanks."""

    def declare(probe: Probe) -> Probe:
        if id in REGISTRY:
            raise ValueError(f"two features are called {id}")
        tried = (probe.__doc__ or "").strip().split("\n")[0]
        REGISTRY[id] = Feature(
            id,
            what,
            tried,
            probe,
            tuple(config.split()),
            tuple(modules.split()),
            version_of(since) if since else None,
            switches,
            remedy,
            user,
            user_remedy,
        )
        return probe

    return declare


def features() -> tuple[Feature, ...]:
    """Every feature there is, in the order of a report."""
    from importlib import import_module

    for domain in DOMAINS:
        import_module(f"pytest_isolation.support.features.{domain}")
    return tuple(REGISTRY.values())


DOMAINS = (
    "namespaces",
    "cgroups",
    "group_limits",
    "security",
    "filesystems",
    "network",
    "firewall",
    "calls",
    "virtualisation",
    "limits",
)
"""Modules of pytest_isolation.support.features."""
