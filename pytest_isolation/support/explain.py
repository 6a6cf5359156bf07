"""Why a trial came out as it did: the kernel's own account beside what was seen."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pytest_isolation.support.feature import Feature, Switch
from pytest_isolation.support.kernel import Kernel
from pytest_isolation.support.trial import Absent, Refused, Unmet, Untried

As = Literal["root", "user"]
NO_PERMISSION = (errno.EPERM, errno.EACCES)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of a feature on a kernel, for one user."""

    status: str
    """works, off, missing-module, not-built, refused or unknown."""
    cause: str | None = None
    remedy: str | None = None
    configured: str = "unknown"
    errno: str | None = None
    tried: bool = True
    """False where the trial itself was not possible: that says nothing against the kernel."""


def explain(feature: Feature, kernel: Kernel, as_: As, ended: Exception | str | None) -> Finding:
    """`ended`: what the probe raised, or the detail it returned."""
    configured = kernel.configured(feature.config) if feature.config else "unknown"
    if not isinstance(ended, Exception):
        return Finding("works", _detail(ended, feature, configured), None, configured)
    case = _Case(feature, kernel, as_, ended, configured)
    status, cause, remedy = next(why for rule in RULES if (why := rule(case)) is not None)
    name = errno.errorcode.get(case.errno) if case.errno else None
    return Finding(status, cause, remedy or None, configured, name, not isinstance(ended, Untried))


def _detail(detail: str | None, feature: Feature, configured: str) -> str | None:
    if configured == "n":
        missing = " ".join(option.partition("@")[0] for option in feature.config)
        said = f"works although the configuration has no {missing}"
        return f"{detail}; {said}" if detail else said
    return detail


class Why(NamedTuple):
    """Fields of a Finding."""

    status: str
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Case:
    """A trial that ended in an error."""

    feature: Feature
    kernel: Kernel
    as_: As
    ended: Exception
    configured: str

    @property
    def said(self) -> str:
        return str(self.ended)

    @property
    def errno(self) -> int:
        """Of the call that was refused; 0 where none was."""
        return self.ended.reply.errno if isinstance(self.ended, Refused) else 0


def _untried(case: _Case) -> Why | None:
    return Why("unknown", case.said, case.feature.remedy) if isinstance(case.ended, Untried) else None


def _switched_off(case: _Case) -> Why | None:
    for switch in case.feature.switches:
        if (switch.only or case.as_) == case.as_ and (found := thrown(switch, case.kernel)):
            return Why("off", found, switch.remedy)
    return None


def _not_for_users(case: _Case) -> Why | None:
    if case.as_ != "user" or not case.feature.user or case.errno not in NO_PERMISSION:
        return None
    return Why("refused", f"{case.said}: {case.feature.user}", _remedy(case.ended) or case.feature.user_remedy)


def _left_out(case: _Case) -> Why | None:
    if case.configured != "n":
        return None
    missing = [option for option in case.feature.config if case.kernel.configured((option,)) == "n"]
    options = ", ".join(option.partition("@")[0] for option in missing)
    return Why("not-built", f"the kernel was built without {options}", f"a kernel with {_options(options)}")


def _too_old(case: _Case) -> Why | None:
    if not case.feature.since or case.kernel.version >= case.feature.since:
        return None
    since = ".".join(map(str, case.feature.since))
    told = f"Linux {case.kernel.release} is older than {since}, which brought it"
    return Why("not-built", told, f"Linux {since} or later")


def _module_missing(case: _Case) -> Why | None:
    kernel = case.kernel
    if case.configured != "m" or not (gone := kernel.module_missing(case.feature.modules)):
        return None
    return Why(
        "missing-module",
        f"built as a module, and {gone} is neither loaded nor in {kernel.modules}",
        f"install the modules of {kernel.release} (Debian: linux-image-{kernel.release}) and modprobe {gone}",
    )


def _absent(case: _Case) -> Why | None:
    if not isinstance(case.ended, Absent):
        return None
    return Why("off", case.said, _remedy(case.ended) or case.feature.remedy)


def _answered_before_the_kernel(case: _Case) -> Why | None:
    if case.errno != errno.ENOSYS:
        return None
    filtered = "Seccomp:\t2" in (case.kernel.text("/proc/self/status") or "")
    if not filtered and case.configured != "y" and not case.feature.since:
        return None
    who = "a system call filter (seccomp)" if filtered else "something before the kernel"
    told = f"{case.said}, and this kernel has the call: {who} answers for it"
    return Why("off", told, "run without that filter")


def _refused(case: _Case) -> Why | None:
    if case.errno not in NO_PERMISSION:
        return None
    who = "to an ordinary user"
    if case.as_ == "root":
        lost = case.kernel.capabilities_lost()
        who = f"to root without {', '.join(lost)}" if lost else "to root; a security module or a filter may refuse it"
    return Why("refused", f"{case.said}: refused {who}", case.feature.remedy)


def _read_only(case: _Case) -> Why | None:
    if case.errno != errno.EROFS:
        return None
    told = f"{case.said}: it is mounted read-only here, as in a container"
    return Why("off", told, case.feature.remedy or "mount it writable")


def _no_more_namespaces(case: _Case) -> Why | None:
    if case.errno != errno.ENOSPC or not case.said.startswith(("unshare", "clone")):
        return None
    told = f"{case.said}: there are as many as a sysctl user.max_*_namespaces allows"
    return Why("off", told, case.feature.remedy)


def _without_effect(case: _Case) -> Why | None:
    if not isinstance(case.ended, Unmet):
        return None
    return Why("off", f"accepted without effect: {case.said}", case.feature.remedy)


def _unexplained(case: _Case) -> Why | None:
    told = f"{case.said}, and nothing that was read says why"
    if case.configured == "unknown":
        told = f"{case.said}; no kernel configuration was found that could say why"
    return Why("unknown", told, case.feature.remedy)


RULES: tuple[Callable[[_Case], Why | None], ...] = (
    _untried, _switched_off, _not_for_users, _left_out, _too_old, _module_missing, _absent,
    _answered_before_the_kernel, _refused, _read_only, _no_more_namespaces, _without_effect, _unexplained,
)  # fmt: skip
"""The first that knows why says so: what the system's owner has set comes before how its kernel was built, and that
before what an errno may mean.  The last always does."""


def _remedy(ended: Exception) -> str:
    return ended.remedy if isinstance(ended, (Refused, Absent)) else ""


def _options(names: str) -> str:
    return ", ".join(f"CONFIG_{name}" for name in names.replace("|", " or CONFIG_").split(", "))


def thrown(switch: Switch, kernel: Kernel) -> str | None:
    """What says that the switch is off; None when nothing does, or this kernel does not look at it."""
    if switch.built and kernel.configured((switch.built,)) == "n":
        return None
    if switch.before and kernel.version >= switch.before:
        return None
    match switch.kind:
        case "sysctl":
            value = kernel.sysctl(switch.key)
            if value is not None and value in switch.off:
                return f"sysctl {switch.key.replace('/', '.')} = {value}"
        case "parameter":
            name, _, wanted = switch.key.partition("=")
            for word in kernel.parameters:
                key, _, values = word.partition("=")
                if key == name and (not wanted or wanted in values.split(",")):
                    return f"boot parameter {word}"
        case "lockdown":
            levels = ("none", "integrity", "confidentiality")
            if (level := kernel.lockdown()) in levels and levels.index(level) >= levels.index(switch.key):
                return f"lockdown = {level}"
    return None
