"""A quiet place on this kernel: what others on the machine start and end cannot be seen there.

`python -m tests.host_support.quiet FOLDER COMMAND ...` runs the command in namespaces of its own, control groups
included, with empty places for files, and then prints `changed:` and what of the host's fingerprint it changed,
one line each.  FOLDER is the working directory, and the place of temporary files; root only.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

from pytest_isolation.boxes import cgroups
from pytest_isolation.technologies.fingerprint import fingerprint, settled_differences

NEWCGROUP = 0x2000000
NAMESPACES = ("--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child")
EMPTY = ("/run", "/mnt", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue")
MYSELF = (sys.executable, "-m", "tests.host_support.quiet")


def outside(arguments: list[str]) -> int:
    """Make the group that the command takes for the root of every tree, and remove it in the end."""
    name = f"quiet-{os.getpid()}"
    roots = cgroups.hierarchies()
    try:
        for controller, root in roots.items():
            within = root / name / "within"
            within.mkdir(parents=True, exist_ok=True)
            if controller == "cpuset":
                for file in ("cpuset.cpus", "cpuset.mems"):
                    (root / name / file).write_text((root / file).read_text())
                    (within / file).write_text((root / file).read_text())
            if controller == "unified":
                offered = (root / "cgroup.subtree_control").read_text().split()
                (root / name / "cgroup.subtree_control").write_text("".join(f"-{one} " for one in offered))
        return subprocess.run([*MYSELF, "--enter", name, *arguments]).returncode
    finally:
        for root in set(roots.values()):
            for place in reversed(cgroups.tree(root / name)):
                remove(place)


def remove(place: Path) -> None:
    deadline = time.monotonic() + 10
    while place.exists():
        try:
            place.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def enter(name: str, arguments: list[str]) -> None:
    """The namespace's root is where a process is when it enters it; there must be no process in that, on v2."""
    places = {root / name for root in cgroups.hierarchies().values()}
    for place in places:
        (place / "cgroup.procs").write_text(str(os.getpid()))
    if ctypes.CDLL(None, use_errno=True).unshare(NEWCGROUP):
        raise OSError(ctypes.get_errno(), "unshare")
    for place in places:
        (place / "within" / "cgroup.procs").write_text(str(os.getpid()))
    os.execvp("unshare", ["unshare", *NAMESPACES, *MYSELF, "--inside", *arguments])


def inside(folder: str, command: list[str]) -> int:
    for controller, root in cgroups.hierarchies().items():
        mount("cgroup2" if controller == "unified" else "cgroup", controller, root)
    kept = [
        path.resolve() for path in (Path(__file__).parents[2], Path(sys.prefix), Path(sys.base_prefix), Path(folder))
    ]
    leave_boxes(kept)
    for place in EMPTY:
        if Path(place).is_dir():
            empty(place, [path for path in kept if path.is_relative_to(place)])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    before = fingerprint()
    done = subprocess.run(command, cwd=folder, env=os.environ | {"TMPDIR": folder}, stdin=subprocess.DEVNULL)
    print("changed:")
    print(*settled_differences(before), sep="\n", end="", flush=True)
    return done.returncode


def leave_boxes(kept: list[Path]) -> None:
    """Unmount what engines mounted: it would go here too, when they remove its mount point."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place, fstype = Path(line.split()[4]), line.partition(" - ")[2].split()[0]
        holds = any(path.is_relative_to(place) for path in kept)
        system = place.parts[:2] in (("/",), ("/", "proc"), ("/", "sys"), ("/", "dev"))
        if fstype in ("overlay", "nsfs", "tmpfs") and not holds and not system:
            subprocess.run(["umount", "--lazy", place])


def empty(place: str, kept: list[Path]) -> None:
    """Mount an empty file system over `place`, and the directories `kept` where they were."""
    held = {path: os.open(path, os.O_PATH) for path in kept}
    fstype = ["-t", "mqueue"] if place == "/dev/mqueue" else ["-t", "tmpfs", "-o", "mode=1777"]
    subprocess.run(["mount", *fstype, "quiet", place], check=True)
    for path, descriptor in held.items():
        path.mkdir(parents=True, exist_ok=True)
        here = f"/proc/{os.getpid()}/fd/{descriptor}"
        subprocess.run(["mount", "--no-canonicalize", "--bind", here, path], check=True)


def mount(fstype: str, controller: str, root: Path) -> None:
    """The tree again, which begins at the namespace's root."""
    options = [] if fstype == "cgroup2" else ["-o", f"none,{controller}" if "=" in controller else controller]
    subprocess.run(["umount", os.fspath(root)], check=True)
    subprocess.run(["mount", "-t", fstype, *options, "cgroup", os.fspath(root)], check=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--enter", name, *rest]:
            enter(name, rest)
        case ["--inside", folder, *command]:
            sys.exit(inside(folder, command))
        case arguments:
            sys.exit(outside(arguments))
