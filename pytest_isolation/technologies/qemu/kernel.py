"""Kernel images: which there are, what they say they are, and the modules beside them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pytest_isolation.errors import Cause, Unavailable
from pytest_isolation.technologies.qemu.modules import Modules, is_directory_of

BOOT = Path("/boot")
INSTALLED = Path("/usr/lib/modules")
"""Where Debian 14 has images, each in its modules' directory."""
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
        """The modules built with it: where the image is or beside it, as in an unpacked package, else the machine's."""
        return modules_of(self.path, self.release)

    def why_no_channel(self, names: Iterable[str]) -> str | None:
        """Why its agent cannot speak over virtio, for which the kernel needs `names`; None: it has all of them."""
        modules = self.modules
        if modules.directory is None:
            release = self.release or "whatever release it is"
            return f"no modules of {release} are beside it or in /lib/modules, and none for virtio is built in"
        lost = [name for name in names if not modules.knows(name)]
        return f"{modules.directory} has no module {', '.join(lost)}, and it is not built in" if lost else None


@cache
def modules_of(path: Path, release: str) -> Modules:
    """Debian has had the image in /boot, and has it in the directory of the modules since 14."""
    own = path.resolve().parent
    beside = [own, own / "modules" / release]
    beside += [up / folder / release for up in (own, *own.parents) for folder in ("lib/modules", "usr/lib/modules")]
    return Modules(next((place for place in beside if release and is_directory_of(place, release)), None))


def kernel(path: str | os.PathLike[str] | None = None) -> Kernel:
    """The kernel at `path`; without one, the newest readable image in /boot, cloud kernels first.

    Raises Unavailable, with what was found there, when it is none.
    """
    if path is not None:
        return _look(Path(path))
    images = [*BOOT.glob("vmlinuz-*"), *INSTALLED.glob("*/vmlinuz")]
    images.sort(key=_rank, reverse=True)
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
    name = image.name if image.parent == BOOT else image.parent.name
    return "cloud" in name, [int(word) for word in re.findall(r"\d+", name)]


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
