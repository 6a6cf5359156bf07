"""Why a trial came out as it did: the kernel's own account beside what was seen."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Literal

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
    number = ended.reply.errno if isinstance(ended, Refused) else 0
    name = errno.errorcode.get(number) if number else None
    status, cause, remedy = _why(feature, kernel, as_, ended, configured, number)
    if status == "works":
        raise AssertionError(feature.id)
    return Finding(status, cause, remedy or None, configured, name, not isinstance(ended, Untried))


def _detail(detail: str | None, feature: Feature, configured: str) -> str | None:
    if configured == "n":
        missing = " ".join(option.partition("@")[0] for option in feature.config)
        said = f"works although the configuration has no {missing}"
        return f"{detail}; {said}" if detail else said
    return detail


def _why(
    feature: Feature, kernel: Kernel, as_: As, ended: Exception, configured: str, number: int
) -> tuple[str, str, str]:
    said = str(ended)
    if isinstance(ended, Untried):
        return "unknown", said, feature.remedy
    for switch in feature.switches:
        if (switch.only or as_) == as_ and (found := thrown(switch, kernel)):
            return "off", found, switch.remedy
    if as_ == "user" and feature.user and number in NO_PERMISSION:
        return "refused", f"{said}: {feature.user}", _remedy(ended) or feature.user_remedy
    if configured == "n":
        missing = [option for option in feature.config if kernel.configured((option,)) == "n"]
        options = ", ".join(option.partition("@")[0] for option in missing)
        return "not-built", f"the kernel was built without {options}", f"a kernel with {_options(options)}"
    if feature.since and kernel.version < feature.since:
        since = ".".join(map(str, feature.since))
        return "not-built", f"Linux {kernel.release} is older than {since}, which brought it", f"Linux {since} or later"
    if configured == "m" and (gone := kernel.module_missing(feature.modules)):
        return (
            "missing-module",
            f"built as a module, and {gone} is neither loaded nor in {kernel.modules}",
            f"install the modules of {kernel.release} (Debian: linux-image-{kernel.release}) and modprobe {gone}",
        )
    if isinstance(ended, Absent):
        return "off", said, _remedy(ended) or feature.remedy
    filtered = number == errno.ENOSYS and "Seccomp:\t2" in (kernel.text("/proc/self/status") or "")
    if filtered or (number == errno.ENOSYS and (configured == "y" or feature.since)):
        who = "a system call filter (seccomp)" if filtered else "something before the kernel"
        return "off", f"{said}, and this kernel has the call: {who} answers for it", "run without that filter"
    if number in NO_PERMISSION:
        who = "to root; a security module or a filter may refuse it" if as_ == "root" else "to an ordinary user"
        if as_ == "root" and (lost := kernel.capabilities_lost()):
            who = f"to root without {', '.join(lost)}"
        return "refused", f"{said}: refused {who}", feature.remedy
    if number == errno.EROFS:
        return "off", f"{said}: it is mounted read-only here, as in a container", feature.remedy or "mount it writable"
    if number == errno.ENOSPC and said.startswith(("unshare", "clone")):
        return "off", f"{said}: there are as many as a sysctl user.max_*_namespaces allows", feature.remedy
    if isinstance(ended, Unmet):
        return "off", f"accepted without effect: {said}", feature.remedy
    if configured == "unknown":
        return "unknown", f"{said}; no kernel configuration was found that could say why", feature.remedy
    return "unknown", f"{said}, and nothing that was read says why", feature.remedy


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
