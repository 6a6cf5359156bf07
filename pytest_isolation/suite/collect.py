"""The built-in checks as pytest items, whatever the user's ini, directory and naming rules are."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees.guarantee import Guarantee, guarantee_of

PACKAGE = "pytest_isolation_checks"


def checks_directory() -> Path:
    """Inside the package in a wheel, beside it in a checkout.  Raises UsageError when it is in neither."""
    package = Path(__file__).parents[1]
    for place in (package / "checks", package.parent / "checks"):
        if place.is_dir():
            return place
    raise UsageError(
        f"the built-in checks are not in this installation ({package / 'checks'} is missing); reinstall it"
    )


class CheckModule(pytest.Module):
    """A file of checks/, imported under a name of its own and with our naming rules."""

    def _getobj(self) -> ModuleType:
        return load_check(self.path)

    def istestfunction(self, obj: object, name: str) -> bool:
        return name.startswith("test_") and callable(obj)

    def istestclass(self, obj: object, name: str) -> bool:
        return False


def load_check(path: Path) -> ModuleType:
    """The module of one check file, imported once."""
    name = f"{PACKAGE}.{path.parent.name}.{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def check_files() -> list[Path]:
    return sorted(checks_directory().glob("*/test_*.py"))


def built_in_guarantees() -> list[Guarantee]:
    """Every guarantee of the suite, in the order of a report."""
    found: dict[str, Guarantee] = {}
    for path in check_files():
        for value in vars(load_check(path)).values():
            if (promise := guarantee_of(value)) is not None:
                add_guarantee(found, promise)
    return list(found.values())


def add_guarantee(known: dict[str, Guarantee], promise: Guarantee) -> None:
    """Raises UsageError when another declaration has the same id."""
    other = known.setdefault(promise.id, promise)
    if other is promise:
        return
    if other.file == promise.file:
        if (other.claim, other.falsified_by, other.box) == (promise.claim, promise.falsified_by, promise.box):
            return  # one declaration, imported twice
        raise UsageError(f"two guarantees of {promise.file} have the id {promise.id}; give one another id")
    ours = next((one for one in (other, promise) if checks_directory() in Path(one.file).parents), None)
    if ours is not None:
        theirs = promise if ours is other else other
        raise UsageError(
            f"{theirs.file} promises {promise.id}, which a built-in check does ({ours.file}); give yours another id; "
            "or, if it is another version of the built-in checks, install that one: pip install -e ."
        )
    raise UsageError(f"two checks promise {promise.id}: {other.file} and {promise.file}; give one another id")


FORKED = (
    "{what} (pytest-forked) runs each check in a process of its own: its boxes end with it, and the report knows "
    "nothing of them; leave it out. With -n 2 (pytest-xdist) a check that crashes costs one row, too"
)


def refuse_to_fork(item: pytest.Item, promise: Guarantee) -> None:
    """Raises UsageError for a check that is marked as to run in a forked process."""
    if item.get_closest_marker("forked") is not None and item.config.pluginmanager.hasplugin("pytest_forked"):
        raise UsageError(FORKED.format(what=f"{Path(promise.file).name}: the mark `forked` of {promise.id}"))


def is_a_copy(promise: Guarantee, built_in: Mapping[str, Guarantee]) -> bool:
    """Whether a file that the user named is a built-in check: in a checkout, say, beside the package that runs."""
    other = built_in.get(promise.id)
    if other is None or other is promise:
        return False
    with suppress(OSError):
        return Path(other.file).read_bytes() == Path(promise.file).read_bytes()
    return False


def collect_built_in(session: pytest.Session) -> Iterator[pytest.Item]:
    """The built-in checks as items; their ids start with `isolation::`."""
    for path in check_files():
        node_id = f"isolation::{path.parent.name}/{path.stem}"
        module: Any = CheckModule.from_parent(session, path=path, nodeid=node_id)
        for item in session.genitems(module):
            _with_nothing_of_the_users(item)
            yield item


def _with_nothing_of_the_users(item: pytest.Item) -> None:
    """Keep only the fixtures the check asks for: an autouse one of the user's could change what we measure."""
    if isinstance(item, pytest.Function):
        asked = item._fixtureinfo.argnames
        item.fixturenames[:] = [name for name in item.fixturenames if name in asked]
