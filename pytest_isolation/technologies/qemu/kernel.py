"""Kernel images: which there are, what they say they are, and the modules beside them."""

from __future__ import annotations

import gzip
import lzma
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pytest_isolation.errors import Cause, Unavailable

BOOT = Path("/boot")
INSTALL = "install one (Debian: apt install linux-image-cloud-amd64), or name one: qemu:kernel=PATH"


@dataclass(frozen=True)
class Kernel:
    """A kernel image that QEMU can boot directly.

    `release` is what `uname -r` will say, read from the image's own header; empty where it has none.
    """

    path: Path
    release: str

    @property
    def modules(self) -> Modules:
        """The modules built with it: beside the image, as in an unpacked package, else the machine's."""
        above = self.path.resolve().parent
        for base in (above / "modules", above / "lib/modules", *(up / "lib/modules" for up in above.parents)):
            if self.release and (base / self.release / "modules.dep").is_file():
                return Modules(base / self.release)
        return Modules(None)


@dataclass(frozen=True)
class Modules:
    """A directory with modules.dep; None: the kernel has no modules here."""

    directory: Path | None

    @cached_property
    def _needs(self) -> dict[str, list[str]]:
        """Name -> files to load, itself last (depmod(8): each line lists what must be there before, nearest first)."""
        if self.directory is None:
            return {}
        found = {}
        for line in (self.directory / "modules.dep").read_text().splitlines():
            file, _, needed = line.partition(":")
            found[_name(file)] = [*reversed(needed.split()), file]
        return found

    @cached_property
    def _built_in(self) -> frozenset[str]:
        file = self.directory / "modules.builtin" if self.directory is not None else None
        return frozenset(map(_name, file.read_text().split())) if file is not None and file.is_file() else frozenset()

    def built_in(self, name: str) -> bool:
        """Whether the kernel has `name` in itself: it is there before anything is loaded."""
        return _plain(name) in self._built_in

    def knows(self, name: str) -> bool:
        """Whether the kernel has `name`, built in or as a module."""
        return _plain(name) in self._built_in or _plain(name) in self._needs

    def to_load(self, *names: str) -> dict[str, Path]:
        """Module name -> file, in the order to load them, dependencies first; built-in ones need nothing.

        Raises Unavailable for a name this kernel does not have.
        """
        order: dict[str, Path] = {}
        for name in map(_plain, names):
            if name in self._built_in:
                continue
            if name not in self._needs or self.directory is None:
                raise Unavailable(
                    f"the kernel has no module {name} ({self.directory or 'it has no modules on this machine'})",
                    "use a kernel that has it, with its modules beside it",
                )
            for file in self._needs[name]:
                order.setdefault(_name(file), self.directory / file)
        return order


def _plain(name: str) -> str:
    return name.replace("-", "_")


def _name(file: str) -> str:
    return _plain(Path(file).name.partition(".ko")[0])


def read_module(path: Path) -> bytes:
    """The module's ELF bytes, whatever it is compressed with.  Raises Unavailable when nothing here can."""
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
            return subprocess.run([zstd, "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def kernel(path: str | os.PathLike[str] | None = None) -> Kernel:
    """The kernel at `path`; without one, the newest readable image in /boot, cloud kernels first.

    Raises Unavailable, with what was found there, when it is none.
    """
    if path is not None:
        return _look(Path(path))
    images = sorted(BOOT.glob("vmlinuz-*"), key=_rank, reverse=True) if BOOT.is_dir() else []
    if not images:
        raise Unavailable(f"no kernel image (vmlinuz-*) is in {BOOT}", INSTALL)
    readable = [image for image in images if os.access(image, os.R_OK)]
    if not readable:
        raise Unavailable(
            f"no kernel image in {BOOT} can be read by this user ({', '.join(image.name for image in images)})",
            cause=Cause(
                f"no kernel image in {BOOT} can be read by this user",
                f"as root: chmod a+r {images[0]}; or name a readable copy: --box qemu:kernel=PATH",
            ),
        )
    return _look(readable[0])


def _rank(image: Path) -> tuple[bool, list[int]]:
    return "cloud" in image.name, [int(word) for word in re.findall(r"\d+", image.name)]


def _look(path: Path) -> Kernel:
    """Source of the offsets: kernel Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"."""
    try:
        if path.exists() and not path.is_file():
            raise Unavailable(f"kernel={path} is no file", "name a kernel image: a bzImage (vmlinuz) or an ELF vmlinux")
        with path.open("rb") as file:
            head = file.read(64 << 10)
            size = os.fstat(file.fileno()).st_size
    except PermissionError:
        raise Unavailable(
            f"kernel={path} cannot be read by this user", f"as root: chmod a+r {path}; or name a readable copy"
        ) from None
    except OSError as error:
        raise Unavailable(
            f"kernel={path} cannot be opened: {error.strerror}", "name a kernel image that exists"
        ) from None
    if head[:4] == b"\x7fELF":
        return Kernel(path, "")
    if head[0x1FE:0x200] != b"\x55\xaa" or head[0x202:0x206] != b"HdrS":
        raise Unavailable(
            f"kernel={path} is no x86 Linux kernel image: it starts with {head[:8].hex(' ') or 'nothing'}",
            "name a bzImage (vmlinuz) or an ELF vmlinux",
        )
    setup, rest = head[0x1F1] or 4, int.from_bytes(head[0x1F4:0x1F8], "little")
    if size < (whole := (setup + 1) * 512 + rest * 16):
        raise Unavailable(
            f"kernel={path} is cut off: it has {size} bytes, and its header says {whole}", "copy it again, whole"
        )
    at = int.from_bytes(head[0x20E:0x210], "little")
    text = head[at + 0x200 : at + 0x300].split(b"\0", 1)[0].decode(errors="replace") if at else ""
    return Kernel(path, text.partition(" ")[0])
