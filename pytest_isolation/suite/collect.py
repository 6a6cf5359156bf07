"""The checks of ours and of other packages as pytest items, whatever the user's ini, directory and naming rules are."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees.domains import checks_directory, domains
from pytest_isolation.guarantees.family import guarantees_of
from pytest_isolation.guarantees.guarantee import Guarantee

PACKAGE = "pytest_isolation_checks"
GROUP = "pytest_isolation.guarantees"
"""The entry point group through which other packages add guarantees to `pytest --isolation`."""


class CheckFile(NamedTuple):
    """A file of checks that a run collects."""

    path: Path
    module: str
    """The name it is imported by."""
    node: str
    """Where its items are, after `isolation::`."""


class CheckModule(pytest.Module):
    """A file of checks, imported under its own name and with our naming rules."""

    module_name = ""

    def _getobj(self) -> ModuleType:
        return load_check(self.path, self.module_name)

    def istestfunction(self, obj: object, name: str) -> bool:
        """By the name test_*, whatever the user's ini says."""
        return name.startswith("test_") and callable(obj)

    def istestclass(self, obj: object, name: str) -> bool:
        """Never: checks are functions."""
        return False


def load_check(path: Path, name: str = "") -> ModuleType:
    """The module of one check file, imported once; `name`: of one that is not in checks/."""
    name = name or ".".join((PACKAGE, *_below_checks(path)))
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


@cache
def check_files() -> tuple[Path, ...]:
    """Every test_*.py in a domain's directory, or in one below it; in the order of the domains.

    Raises UsageError for a domain without a record, or with a wrong one.
    """
    order = list(domains())
    found = checks_directory().glob("*/**/test_*.py")
    return tuple(sorted(found, key=lambda path: (order.index(_below_checks(path)[0]), path)))


@cache
def _below_checks(path: Path) -> tuple[str, ...]:
    """("cg", "mem", "test_exceed")."""
    return path.relative_to(checks_directory()).with_suffix("").parts


def package_files() -> list[CheckFile]:
    """Those of other packages: each names a module, or a package of test_*.py, in the entry points GROUP.

    Raises UsageError for a name of which there is no module.
    """
    return [file for entry in entry_points(group=GROUP) for file in _files_of(entry)]


def _files_of(entry: EntryPoint) -> Iterator[CheckFile]:
    try:
        spec = importlib.util.find_spec(entry.value)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise UsageError(
            f"{_whose(entry)}: there is no such module; expected a module, or a package with an __init__.py and files "
            "test_*.py; correct it, or uninstall the package"
        )
    if spec.submodule_search_locations is None:
        yield CheckFile(Path(spec.origin), entry.value, entry.name)
    for place in spec.submodule_search_locations or ():
        for path in sorted(Path(place).glob("test_*.py")):
            yield CheckFile(path, f"{entry.value}.{path.stem}", f"{entry.name}/{path.stem}")


def _whose(entry: EntryPoint) -> str:
    distribution = entry.dist.name if entry.dist is not None else "a package"
    return f"{distribution} names its guarantees in {GROUP} as {entry.name} = {entry.value!r}"


def _load_theirs(file: CheckFile) -> ModuleType:
    """Raises UsageError where the file cannot be imported."""
    try:
        return load_check(file.path, file.module)
    except UsageError:
        raise
    except Exception as error:  # whatever a file of somebody else's raises
        raise UsageError(
            f"{file.path}, whose guarantees a package adds: {type(error).__name__}: {error}; mend the package, or "
            "uninstall it"
        ) from error


def built_in_guarantees() -> list[Guarantee]:
    """Every guarantee of the suite, in the order of a report.

    Raises UsageError for one in another domain's directory.
    """
    found = list(_declared(map(load_check, check_files())).values())
    for promise in found:
        if promise.domain != (directory := _below_checks(Path(promise.file))[0]):
            raise UsageError(
                f"{Path(promise.file).name}: {promise.id} is of domain {promise.domain}, and its file is in "
                f'checks/{directory}; move the file, or give it an id that begins with "{directory}."'
            )
    return found


def all_guarantees() -> list[Guarantee]:
    """Those of the suite, then those of the packages that are installed.  Raises UsageError for an id that two have."""
    known = {promise.id: promise for promise in built_in_guarantees()}
    return list(_declared(map(_load_theirs, package_files()), known).values())


def _declared(modules: Iterable[ModuleType], known: dict[str, Guarantee] | None = None) -> dict[str, Guarantee]:
    """Id -> guarantee, added to `known`."""
    found = {} if known is None else known
    for module in modules:
        for value in vars(module).values():
            for promise in guarantees_of(value):
                add_guarantee(found, promise)
    return found


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
    """The built-in checks, and those of other packages, as items; their ids start with `isolation::`."""
    ours = (CheckFile(path, "", "/".join(_below_checks(path))) for path in check_files())
    with _leaving_out_no_file(session.config):
        for file in (*ours, *package_files()):
            module: Any = CheckModule.from_parent(session, path=file.path, nodeid=f"isolation::{file.node}")
            module.module_name = file.module
            for item in session.genitems(module):
                _with_nothing_of_the_users(item)
                yield item


@contextmanager
def _leaving_out_no_file(config: pytest.Config) -> Iterator[None]:
    """`--lf` leaves out files in which no test has failed, and takes ours for such: no file has an id like theirs.

    Which of our items are run again is chosen among items.
    """
    manager, name = config.pluginmanager, "lfplugin-collskip"
    skipping = manager.unregister(name=name) if manager.hasplugin(name) else None
    try:
        yield
    finally:
        if skipping is not None:
            manager.register(skipping, name)


def _with_nothing_of_the_users(item: pytest.Item) -> None:
    """Keep only the fixtures the check asks for: an autouse one of the user's could change what we measure."""
    if isinstance(item, pytest.Function):
        asked = item._fixtureinfo.argnames
        item.fixturenames[:] = [name for name in item.fixturenames if name in asked]
