"""Modules of a kernel: where its directory is, what each needs, and their bytes.

Packages carry no modules.dep (depmod(8) makes it on the machine they are installed on), so without one the files
themselves are asked: their section .modinfo says what they need (modinfo(8)).
"""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import Unavailable


@dataclass(frozen=True)
class Modules:
    """A directory with modules; None: the kernel has no modules here."""

    directory: Path | None

    @cached_property
    def _listed(self) -> dict[str, list[str]] | None:
        """Name -> files to load, itself last (depmod(8): each line lists what must be there before, nearest first).

        None: nobody has run depmod.
        """
        file = self.directory / "modules.dep" if self.directory is not None else None
        if file is None or not file.is_file():
            return None
        found = {}
        for line in text_of(file).splitlines():
            module, _, needed = line.partition(":")
            found[name_of(module)] = [*reversed(needed.split()), module]
        return found

    @cached_property
    def _files(self) -> dict[str, str]:
        """Name -> file, of all there are, relative to the directory."""
        if self._listed is not None:
            return {name: files[-1] for name, files in self._listed.items()}
        if self.directory is None:
            return {}
        return {name_of(path): os.path.relpath(path, self.directory) for path in _module_files(self.directory)}

    @cached_property
    def _built_in(self) -> frozenset[str]:
        file = self.directory / "modules.builtin" if self.directory is not None else None
        return frozenset(map(name_of, text_of(file).split())) if file is not None and file.is_file() else frozenset()

    def built_in(self, name: str) -> bool:
        """Whether the kernel has `name` in itself: it is there before anything is loaded."""
        return plain(name) in self._built_in

    def knows(self, name: str) -> bool:
        """Whether the kernel has `name`, built in or as a module."""
        return plain(name) in self._built_in or plain(name) in self._files

    def to_load(self, *names: str) -> dict[str, Path]:
        """Module name -> file, in the order to load them, dependencies first; built-in ones need nothing.

        Raises Unavailable for a name this kernel does not have, or a file that cannot be read.
        """
        order: dict[str, Path] = {}
        for name in map(plain, names):
            if name not in self._built_in:
                self._add(name, order)
        return order

    def _add(self, name: str, order: dict[str, Path]) -> None:
        if name not in self._files or self.directory is None:
            raise Unavailable(
                f"the kernel has no module {name} ({self.directory or 'it has no modules on this machine'})",
                "use a kernel that has it, with its modules beside it",
            )
        if self._listed is not None:
            for file in self._listed[name]:
                order.setdefault(name_of(file), self.directory / file)
        elif name not in order:
            path = self.directory / self._files[name]
            for needed in needs(read_module(path)):
                if needed not in self._built_in and needed not in order:
                    self._add(needed, order)
            order[name] = path


def is_directory_of(place: Path, release: str) -> bool:
    """Whether modules of that kernel are at `place`: whatever of depmod's and of the kernel's own lists is there."""
    known = ("modules.dep", "modules.builtin", "modules.order", "kernel")
    return place.name == release and any((place / name).exists() for name in known)


def _module_files(directory: Path) -> Iterator[Path]:
    for name in ("kernel", "updates", "extra"):
        for top, _, files in os.walk(directory / name):
            yield from (Path(top, file) for file in files if ".ko" in file)


def plain(name: str) -> str:
    """As the kernel writes the name of a module: with underscores."""
    return name.replace("-", "_")


def name_of(file: str | Path) -> str:
    """ "kernel/net/bridge/br-netfilter.ko.xz" -> "br_netfilter"."""
    return plain(Path(file).name.partition(".ko")[0])


def needs(module: bytes) -> list[str]:
    """What the module (its ELF bytes) says it needs."""
    for word in _section(module, b".modinfo").split(b"\0"):
        if word.startswith(b"depends="):
            return [plain(name) for name in word[8:].decode().split(",") if name]
    return []


def _section(elf: bytes, wanted: bytes) -> bytes:
    """Source: elf(5).  Empty where it has none, or is no 64-bit ELF file of our byte order."""
    if elf[:6] != b"\x7fELF\2\1" or len(elf) < 64:
        return b""
    (table,) = struct.unpack_from("<Q", elf, 40)
    size, count, names = struct.unpack_from("<3H", elf, 58)
    heads = [struct.unpack_from("<I20xQQ", elf, table + size * number) for number in range(count)]
    for name, start, length in heads:
        at = heads[names][1] + name
        if elf[at : at + len(wanted) + 1] == wanted + b"\0":
            return elf[start : start + length]
    return b""


def read_module(path: Path) -> bytes:
    """The module's ELF bytes, whatever it is compressed with.  Raises Unavailable when nothing here can."""
    try:
        data = path.read_bytes()
        match path.suffix:
            case ".xz":
                return lzma.decompress(data)
            case ".gz":
                return gzip.decompress(data)
            case ".zst":
                zstd = shutil.which("zstd")
                if zstd is None:
                    raise Unavailable(f"{path} is compressed with zstd, which is not here", "apt install zstd")
                return subprocess.run([zstd, "-dcq"], input=data, capture_output=True, check=True).stdout
    except (OSError, EOFError, lzma.LZMAError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"the module {path} cannot be read: {error}", "install the kernel's modules again") from None
    return data
