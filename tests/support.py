"""What the tests of real boxes share."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import expose
from pytest_isolation.errors import Unavailable
from pytest_isolation.guarantees.family import checks_of
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import Check
from pytest_isolation.outside.box import Box
from pytest_isolation.suite.collect import check_files, load_check
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.pool import Pool

REQUIRED = frozenset(os.environ.get("PYTEST_ISOLATION_REQUIRE", "").split(",")) - {""}
"""Technologies whose absence is a failure: CI names those it installed."""

COMMAND = "bwrap --unshare-all --die-with-parent --ro-bind / / --tmpfs /tmp --proc /proc --dev /dev "
# A checkout may be in /tmp.
COMMAND += "--ro-bind {agent} {agent} {agent}"


def plain(name: str) -> BoxSpec:
    """The spec the tests start: with what a technology cannot do without on this host."""
    if name == "crun" and cgroups.mode() == "hybrid":
        return BoxSpec(technology=name, options=(("hide_unified", "true"),))
    if name == "command":
        return BoxSpec(technology=name, options=(("", COMMAND),))
    if name == "preset":
        return BoxSpec(technology=name, options=(("", "unshare"),))
    if name == "nested":
        return BoxSpec(technology=name, options=(("inner", "bubblewrap"), ("outer", "nspawn")))
    return BoxSpec(technology=name)


def need(name: str) -> BoxSpec:
    """A spec of this technology; skips the test where it cannot run, fails it where it must."""
    spec = plain(name)
    try:
        technology(name).check_available(spec)
    except Unavailable as error:
        if name in REQUIRED:
            raise
        pytest.skip(str(error))
    return spec


def docker_spec(**keywords: Any) -> BoxSpec:
    """A spec of Docker with these keywords of its own."""
    return BoxSpec(technology="docker", options=tuple(sorted(keywords.items())))


def skip_unless_measured_with(there: object, here: object) -> None:
    """What is on record says nothing of another version: the test is skipped from here on, with both."""
    if there != here:
        pytest.skip(f"compared with no record, which was measured with {there}; here is {here}")


@contextmanager
def started(lifetime: Lifetime, spec: BoxSpec, **changes: Any) -> Iterator[Box]:
    """A box of `spec` with these `changes`, whose siblings are started as it was."""

    def launch(asked: BoxSpec) -> Box:
        box = technology(asked.technology).launch(asked, lifetime)
        box.launch, box.lifetime = launch, lifetime
        return box

    with launch(replace(spec, **changes)) as box:
        yield box


@contextmanager
def started_alone(spec: BoxSpec) -> Iterator[Box]:
    """As `started`, in a run of its own, which ends with the block."""
    with closing(Lifetime()) as own, started(own, spec) as box:
        yield box


def opens_files_of_the_host(lifetime: Lifetime, spec: BoxSpec, plain: Box, path: str) -> None:
    """With the hole expose(path) a box of `spec` reads and writes what the `plain` one has no road to."""
    marker = Path("/tmp" if path == "/" else path) / f"pytest-isolation-marker-{secrets.token_hex(8)}"
    try:
        marker.write_text("outside")
        assert not [road for road in plain.outside.roads(marker) if plain.proc.faccessat(AT_FDCWD, road, os.F_OK).ok]
        with started(lifetime, spec.weakened(expose(path))) as box:
            seen = next(road for road in box.outside.roads(marker) if box.proc.faccessat(AT_FDCWD, road, os.F_OK).ok)
            assert seen == str(marker) or not seen.startswith("/host")
            assert box.read_file(seen) == b"outside"
            box.write_file(seen, b"inside")
        assert marker.read_text() == "inside"
    finally:
        marker.unlink()


@contextmanager
def new_pool() -> Iterator[Pool]:
    """Boxes that are gone after the block; the fixtures of conftest.py keep theirs until a test, or its file, ends."""
    with closing(Lifetime()) as run, closing(Pool(run)) as pool:
        yield pool


def built_in_checks() -> list[tuple[Guarantee, Check]]:
    """Every guarantee with its check."""
    return [found for path in check_files() for value in vars(load_check(path)).values() for found in checks_of(value)]


def guarantee_called(id: str) -> Guarantee:
    """The built-in guarantee of this id."""
    return next(promise for promise, _ in built_in_checks() if promise.id == id)


def committed(name: str) -> dict[str, Any]:
    """The report reports/`name`.json."""
    found: dict[str, Any] = json.loads((Path(__file__).parents[1] / "reports" / f"{name}.json").read_text())
    return found
