"""What a kernel says of itself, read through an agent that runs on it."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pytest_isolation.agent import shortcuts
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.technologies import capabilities
from pytest_isolation.technologies.qemu.modules import Modules


@dataclass(slots=True)
class Kernel:
    """The kernel below `root`, a process that may read everything there is."""

    name: str
    """`running`, or the path of an image."""
    root: Proc
    release: str
    modules: Path
    """The directory of its modules, on this machine."""
    config: dict[str, str] | None
    """Option without CONFIG_ -> y, m or a value; None: no configuration was found."""
    groups: str = "pytest-isolation/support"
    """The control group below which trials make theirs."""
    load: Callable[[str], None] | None = None
    """Loads a module; None: the kernel does that by itself."""
    guest: Callable[[], str | None] | None = None
    """Why no Linux guest boots on its KVM; None: it does.  May raise Untried."""
    ours: bool = False
    """Nobody else runs on it: a trial may take a controller from the whole machine for a moment."""
    _read: dict[str, str | None] = field(default_factory=dict)

    @property
    def version(self) -> tuple[int, int]:
        """(6, 12)"""
        return version_of(self.release)

    def text(self, path: str) -> str | None:
        """A file of the kernel's own; None when it cannot be read."""
        if path not in self._read:
            reply = shortcuts.read(self.root, path)
            self._read[path] = reply.data.decode(errors="replace").strip() if reply.ok else None
        return self._read[path]

    def sysctl(self, key: str) -> str | None:
        """`key` with slashes."""
        return self.text(f"/proc/sys/{key}")

    @property
    def parameters(self) -> tuple[str, ...]:
        """The words of the command line the kernel was booted with."""
        return tuple((self.text("/proc/cmdline") or "").partition(" -- ")[0].split())

    def lockdown(self) -> str:
        """The level in force: none, integrity or confidentiality."""
        found = re.search(r"\[(\w+)\]", self.text("/sys/kernel/security/lockdown") or "")
        if found:
            return found[1]
        return next((word.partition("=")[2] for word in self.parameters if word.startswith("lockdown=")), "none")

    def capabilities_lost(self) -> list[str]:
        """What `root` may not do although it is root; man:capabilities(7)."""
        found = re.search(r"^CapEff:\s*(\w+)", self.text("/proc/self/status") or "", re.MULTILINE)
        last = int(self.sysctl("kernel/cap_last_cap") or len(capabilities.NAMES) - 1)
        have = int(found[1], 16) if found else -1
        return [f"CAP_{name}" for number, name in enumerate(capabilities.NAMES[: last + 1]) if not have >> number & 1]

    def configured(self, options: tuple[str, ...]) -> str:
        """y, m, n or unknown: the least of what all `options` are.

        "A|B": the more of the two; "A@6.11": from that version on.
        """
        if self.config is None:
            return "unknown"
        found = "y"
        for option in options:
            names, _, since = option.partition("@")
            if since and self.version < version_of(since):
                continue
            values = [self.config.get(one, "n") for one in names.split("|")]
            here = "y" if any(v not in ("n", "m") for v in values) else "m" if "m" in values else "n"
            found = min(found, here, key="nmy".index)
        return found

    def module_missing(self, names: tuple[str, ...]) -> str | None:
        """The first of the modules `names` that is neither loaded, built in nor on disk."""
        for either in names:
            if not any(self.text(f"/sys/module/{name}/initstate") or self._on_disk(name) for name in either.split("|")):
                return either.replace("|", " or ")
        return None

    def _on_disk(self, name: str) -> bool:
        listed = self.modules / "modules.dep"
        return _modules(self.modules, listed.stat().st_mtime_ns if listed.is_file() else 0).knows(name)


@cache
def _modules(directory: Path, listed_at: int) -> Modules:
    """`listed_at`: when depmod(8) wrote its list, in nanoseconds: another list is read anew."""
    return Modules(directory)


def version_of(text: str) -> tuple[int, int]:
    """ "6.12.9-cloud" -> (6, 12)."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def module_name(path: str) -> str:
    """ "kernel/net/bridge/bridge.ko.xz" -> "bridge"."""
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def lines(path: Path) -> list[str]:
    """Of a file; none when it cannot be read."""
    try:
        return path.read_text(errors="replace", encoding="utf-8").splitlines()
    except OSError:
        return []


def parse_config(text: str) -> dict[str, str]:
    """The lines CONFIG_A=y of a kernel configuration."""
    found = re.findall(r"^CONFIG_(\w+)=(.*)$", text, re.MULTILINE)
    return {name: value.strip('"') for name, value in found}


def read_all(proc: Proc, path: str) -> bytes:
    """The whole of a file, however long; empty when it cannot be read."""
    fd = proc.openat(AT_FDCWD, path, os.O_RDONLY | os.O_CLOEXEC)
    if not fd.ok:
        return b""
    found = b""
    while piece := proc.read(fd.value, 1 << 18).data:
        found += piece
    proc.close(fd.value)
    return found


def look(
    name: str,
    root: Proc,
    *,
    modules: Path | None = None,
    groups: str = "pytest-isolation/support",
    load: Callable[[str], None] | None = None,
    ours: bool = False,
) -> Kernel:
    """The kernel `root` runs on; for an image, its configuration is sought beside it (config-RELEASE, or config)."""
    program = Program()
    step = program.uname()
    release = root.run(program)[step].data[130:195].split(b"\0")[0].decode()
    modules = modules or Path("/lib/modules") / release
    packed = read_all(root, "/proc/config.gz")
    texts = [gzip.decompress(packed).decode()] if packed else []
    texts += [text for place in _config_places(name, release, modules) if (text := config_in(place, release))]
    config = parse_config(texts[0]) if texts else None
    return Kernel(name, root, release, modules, config, groups, load, None, ours)


def _config_places(name: str, release: str, modules: Path) -> list[Path]:
    """Debian has it in the modules' directory since 14, beside the image; before, both are in /boot."""
    found = [modules / "config", Path(f"/boot/config-{release}"), Path(f"/lib/modules/{release}/config")]
    if name != "running":
        beside = dict.fromkeys((Path(name).parent, Path(name).resolve().parent))
        found = [place / file for place in beside for file in (f"config-{release}", "config")] + found
    return found


def config_in(place: Path, release: str) -> str:
    """The configuration at `place`; empty where there is none, or one that says it is of another version."""
    text = "\n".join(lines(place)) if place.is_file() else ""
    named = re.search(r"^# Linux/\S+ (\d+\.\d+)\S* Kernel Configuration", text, re.MULTILINE)
    other = named is not None and version_of(named[1]) != version_of(release)
    return "" if other or not re.search(r"^CONFIG_\w+=", text, re.MULTILINE) else text
