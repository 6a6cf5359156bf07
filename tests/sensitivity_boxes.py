"""Sensitivity, measured: the boxes that tests/sensitivity.py compares, started, and asked."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, chdir, contextmanager
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from pytest_isolation import Box, BoxSpec
from pytest_isolation.errors import IsolationError
from pytest_isolation.guarantees.guarantee import EXAMPLES
from pytest_isolation.guarantees.property import PROVING, run_property
from tests.owners import Owner, attached, owner, remove_group
from tests.sensitivity import BASES, DATA, FEW, UNASKED, Option, Verdicts, also, bases, load, options, rows, save
from tests.sensitivity_started import (
    Start,
    Words,
    lxc_with,
    machines_words,
    meant_by,
    nspawn_with,
    qemu_with,
    runc_with,
)
from tests.support import built_in_checks, need, started_alone

GROUP = "pytest-isolation-sensitivity"
"""What docker.toml gives --cgroup-parent."""
ALLOW_ALL = (0x0006).to_bytes(2, "little") + bytes(2) + (0x7FFF_0000).to_bytes(4, "little")
"""A filter of one instruction, that lets every call through: BPF_RET | BPF_K, SECCOMP_RET_ALLOW."""


def asked(engine: str) -> list[str]:
    """The ids of the rows that are compared."""
    found = {one.id for one, _ in built_in_checks() if not one.box}
    found = {id for id in found if any(fnmatch(id, row) for row in rows(engine))}
    return sorted({id for id in found if id in also(engine) or not any(fnmatch(id, no) for no in UNASKED)})


def verdicts(box: Box, ids: Sequence[str]) -> Verdicts:
    """Guarantee -> violated, unsupported, trouble, or holds."""
    found: Verdicts = {}
    for promise, test in built_in_checks():
        if promise.id in ids:
            number = min(EXAMPLES[promise.kind], FEW)
            ran = run_property(promise, test, box, examples=number, seed=1, phases=PROVING)
            broken = "violated" if ran.violation else "unsupported" if ran.unsupported else "holds"
            said = "trouble" if ran.trouble else broken
            if found.get(promise.id) != "violated":
                found[promise.id] = said
    return found


@contextmanager
def _directory() -> Iterator[Path]:
    """With what a box may be handed."""
    with TemporaryDirectory(prefix="sensitivity-", dir="/srv") as made:
        place = Path(made)
        place.chmod(0o755)
        (place / "data").mkdir(mode=0o777)
        (place / "data").chmod(0o777)
        yield place


@contextmanager
def containers(engine: str, version: str) -> Iterator[tuple[str, Words, Start]]:
    """Its version, by this format; what the words of its table stand for, and how a box is started."""
    with ExitStack() as undo:
        secret = secrets.token_hex(16)
        if engine == "podman":  # what --env-host and --http-proxy hand on
            proxy = f"http://user:{secret}@192.0.2.1:3128"
            undo.enter_context(mock.patch.dict(os.environ, DATABASE_PASSWORD=secret, http_proxy=proxy))
        place = undo.enter_context(_directory())
        undo.enter_context(chdir(place))  # conmon leaves a file `oom` where it was started
        theirs = undo.enter_context(owner(engine))
        (place / "env").write_text(f"DATABASE_PASSWORD={secret}\n", encoding="utf-8")
        sibling = undo.enter_context(
            theirs.running(f"--volume={place}/data:/handed", f"--env=DATABASE_PASSWORD={secret}")
        )
        disks = [name for name in os.listdir("/sys/block") if not name.startswith(("loop", "ram", "zram"))]
        meant = {
            "directory": f"{place}/data", "env_file": f"{place}/env", "secret": secret, "sibling": sibling,
            "socket": "/var/run/docker.sock", "group": str(os.stat("/var/run/docker.sock").st_gid),
            "device": "/dev/kmsg", "disk": f"/dev/{sorted(disks)[0]}" if disks else "/dev/loop0",
        }  # fmt: skip
        if engine == "podman":
            name = f"pytest-isolation-{secrets.token_hex(4)}"
            theirs("secret", "create", name, "-", given=secret.encode())
            undo.callback(theirs, "secret", "rm", name)
            meant["secret_name"] = name
        yield theirs("version", f"--format={version}"), meant, lambda argv, _: _container(theirs, argv)


@contextmanager
def _container(theirs: Owner, argv: Sequence[str]) -> Iterator[Box]:
    try:
        with theirs.running(*argv) as name, attached(f"{theirs.box}{name},intrusive=true") as box:
            yield box
    finally:
        remove_group(GROUP)  # the engine made it and leaves it


@contextmanager
def bubblewrap() -> Iterator[tuple[str, Words, Start]]:
    """As containers(): boxes with nothing in their root but what the words of the table make there, and the agent."""
    with _directory() as place:
        (place / "filter").write_bytes(ALLOW_ALL)
        meant = {
            "agent": "{agent}", "directory": f"{place}/data", "filter": f"{place}/filter",
            "secret": secrets.token_hex(16),
        }  # fmt: skip
        said = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=True).stdout
        yield said.split()[-1], meant, _sandbox


@contextmanager
def _sandbox(argv: Sequence[str], opened: str) -> Iterator[Box]:
    start = ["bwrap", *(part for word in argv for part in word.split()), "{agent}"]
    if opened:
        start = ["sh", "-c", f'exec "$@" 9< {shlex.quote(opened)}', "sh", *start]
    command = shlex.join(start).replace("'{agent}'", "{agent}")
    with started_alone(BoxSpec(technology="command", options=(("", command),))) as box:
        yield box


@contextmanager
def ours(name: str, program: Sequence[str], start: Start) -> Iterator[tuple[str, Words, Start]]:
    """As containers(): boxes of a technology of this name; `program` tells its version."""
    need(name)
    with _directory() as place:
        said = subprocess.run(program, capture_output=True, text=True, check=True).stdout
        found = re.search(r"\d[\w.+~-]*", said)
        meant = meant_by(place) | (machines_words(place) if name == "qemu" else {})
        yield found[0] if found else "", meant, start


MEASURED = {
    "docker": partial(containers, "docker", "{{.Server.Version}}"),
    "podman": partial(containers, "podman", "{{.Client.Version}}"),
    "bubblewrap": bubblewrap,
    "nspawn": partial(ours, "nspawn", ["systemd-nspawn", "--version"], nspawn_with),
    "runc": partial(ours, "runc", ["runc", "--version"], runc_with),
    "lxc": partial(ours, "lxc", ["lxc-start", "--version"], lxc_with),
    "qemu": partial(ours, "qemu", ["qemu-system-x86_64", "--version"], qemu_with),
}


def filled(word: str, meant: Words) -> str:
    """A word of a table: {directory} is what that stands for, and other braces are its own."""
    return re.sub(r"\{(\w+)\}", lambda found: meant[found[1]], word)


def one_box(start: Start, argv: Sequence[str], opened: str, ids: Sequence[str]) -> Verdicts | str:
    """The verdicts of a box with these words; a text: why there was none."""
    try:
        with start(argv, opened) as box:
            return verdicts(box, ids)
    except (AssertionError, IsolationError) as error:
        return " ".join(str(error).split())[-300:]


def fill(engine: str, only: Sequence[str] = (), globs: Sequence[str] = ("*",), on: str = "*") -> None:
    """Measure what is not measured yet of these rows, on these bases, and write each box as it comes."""
    place = DATA / f"{engine}.json"
    kept, ids = load(place), asked(engine)
    wanted = [id for id in ids if any(fnmatch(id, row) for row in globs)]
    with MEASURED[engine]() as (version, meant, start):
        kept["version"] = version
        boxes = [(base, Option(name, "box"), argv) for name in ("", "again") for base, argv in bases(engine).items()]
        each = [(base, one) for base in BASES for one in options(engine).values()]
        boxes += [(one.place(base), one, argv) for base, one in each if (argv := one.words(base)) is not None]
        for base, one, argv in boxes:
            known = kept.setdefault(base, {}).get(one.name, {})
            if one.name not in ("", "again") and only and one.name not in only:
                continue
            if not fnmatch(base, on):
                continue
            todo = wanted if one.name in only else [id for id in wanted if id not in known]
            if not todo:
                continue
            began = time.monotonic()
            found = one_box(start, [filled(word, meant) for word in argv], filled(one.opens, meant), todo)
            refused = isinstance(found, str)
            print(f"{base:9} {one.name:24} {time.monotonic() - began:5.1f} s", found if refused else "", flush=True)
            if isinstance(found, str):
                kept[base][one.name] = {"refused": found}
            else:
                kept[base][one.name] = {id: said for id, said in sorted({**known, **found}.items()) if id in ids}
            if all(kept.get(name, {}).get("") for name in bases(engine)):
                save(place, kept)
