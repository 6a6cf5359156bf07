"""A hole that a technology declares is opened: its table is folded into the plan of a start, and all of it is read."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import drop, grant, share
from pytest_isolation.technologies import bubblewrap, cgroup, chroot, gvisor, names, nspawn, qemu
from pytest_isolation.technologies import technology as called
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.cri import holes as cri
from pytest_isolation.technologies.docker import holes as docker
from pytest_isolation.technologies.lxc import holes as lxc
from pytest_isolation.technologies.namespaces import holes as namespaces
from pytest_isolation.technologies.oci import bundle, runtime
from pytest_isolation.technologies.opens import Opens, adds, folded, openable, removes, sets
from pytest_isolation.technologies.podman import holes as podman
from pytest_isolation.technologies.qemu import holes as qemu_holes

TABLES: Mapping[str, tuple[Opens, Any]] = {
    "bubblewrap": (bubblewrap.OPENS, bubblewrap.Plan),
    "cgroup": (cgroup.OPENS, cgroup.Plan),
    "chroot": (chroot.OPENS, None),
    "crun": (runtime.OPENS, bundle.Plan),
    "cri": (cri.OPENS, cri.Plan),
    "docker": (docker.OPENS, docker.Plan),
    "gvisor": (gvisor.OPENS, bundle.Plan),
    "lxc": (lxc.OPENS, lxc.Plan),
    "namespaces": (namespaces.OPENS, namespaces.Plan),
    "nspawn": (nspawn.OPENS, nspawn.Plan),
    "podman": (podman.OPENS, podman.Plan),
    "qemu": (qemu.OPENS, qemu_holes.Plan),
    "runc": (runtime.OPENS, bundle.Plan),
}
"""Technology -> its table, and the plan that the table changes."""


@cache
def sources(name: str) -> tuple[ast.Module, ...]:
    """Those of the technology and of what it inherits; of a package, all its files."""
    found: dict[Path, None] = {}
    for one in type(called(name)).__mro__:
        file = getattr(sys.modules[one.__module__], "__file__", None)
        if file is not None and "technologies" in file:
            path = Path(file)
            found |= dict.fromkeys([path] if path.parent.name == "technologies" else sorted(path.parent.glob("*.py")))
    return tuple(ast.parse(path.read_text()) for path in found)


def read(name: str) -> Iterator[str]:
    """Names and attributes that are loaded, the tables themselves aside."""
    for module in sources(name):
        for statement in module.body:
            if isinstance(statement, ast.AnnAssign) and getattr(statement.target, "id", "") == "OPENS":
                continue
            yield from loads(statement)


def loads(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id


@pytest.mark.parametrize("name", TABLES)
def test_what_a_table_changes_is_read_by_the_start(name: str) -> None:
    opens, plan = TABLES[name]
    known, loaded = {one.name for one in fields(plan)} if plan is not None else set(), set(read(name))
    for method, function in inspect.getmembers(Building, inspect.isfunction):
        if method in loaded:  # what it asks of Building, Building asks for it
            loaded |= set(loads(ast.parse(textwrap.dedent(inspect.getsource(function)))))
    for hole, opener in opens.items():
        assert opener.edits or opener.by, hole
        assert set(opener.fields) <= known, hole
        assert set(opener.fields) <= loaded, f"{hole}: no start reads {opener.fields}"
        if opener.by is not None:
            shared = getattr(opener.by, "fget", opener.by).__name__
            assert shared in loaded, f"{hole}: its technology does not ask {shared}"


@pytest.mark.parametrize("name", TABLES)
def test_nothing_but_the_table_asks_for_holes(name: str) -> None:
    asked = {
        node.lineno
        for module in sources(name)
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "has"
        for argument in node.args
        if isinstance(argument, ast.Call)
    }
    assert not asked


@pytest.mark.parametrize("name", TABLES)
def test_what_is_declared_is_the_table(name: str) -> None:
    opens, _ = TABLES[name]
    assert called(name).weakenings() == openable(opens) <= set(opens)


@dataclass
class Plan:
    kinds: list[str] = field(default_factory=lambda: ["pid", "net"])
    granted: list[str] = field(default_factory=list)
    masks: bool = True


EXAMPLE: Opens = {
    share("pid"): removes("kinds", "pid"),
    grant("SYS_NICE"): adds("granted", "SYS_NICE") & removes("kinds", "net"),
    grant("SYS_TIME"): adds("granted", "SYS_TIME") & removes("kinds", "net"),
    drop("masks"): sets("masks", False).where(lambda: False),
}


def test_a_plan_is_a_sound_one_with_its_holes_folded_in() -> None:
    spec = BoxSpec(technology="host")
    assert folded(EXAMPLE, Plan(), spec) == Plan()
    opened = folded(EXAMPLE, Plan(), spec.weakened(share("pid"), grant("SYS_TIME"), grant("SYS_NICE"), drop("masks")))
    assert opened == Plan(kinds=[], granted=["SYS_NICE", "SYS_TIME"], masks=False)


def test_what_cannot_be_opened_here_is_not_declared() -> None:
    assert openable(EXAMPLE) == EXAMPLE.keys() - {drop("masks")}


def test_a_technology_without_a_table_opens_nothing() -> None:
    assert {name for name in names() if called(name).weakenings()} <= set(TABLES)
