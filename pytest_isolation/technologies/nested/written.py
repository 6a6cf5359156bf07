"""The two specs that one spec of a nested box says: `outer.KEY` is the outer one's, all else the inner one's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import fields, values
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import UsageError
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.base import further

if TYPE_CHECKING:
    from collections.abc import Iterable

INNER, OUTER = "inner", "outer"
OF_OUTER = "outer."
NOT_INSIDE = ("nested", "attach", "channel")
"""Technologies that start no box of their own."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is started in what."""

    inner: BoxSpec
    outer: BoxSpec

    @property
    def named(self) -> Mapping[str, BoxSpec]:
        """By the keyword that says its technology."""
        return {INNER: self.inner, OUTER: self.outer}


def parts(spec: BoxSpec) -> Parts:
    """Raises UsageError for a technology that is not known or cannot be there, and for a key that it has not."""
    where = f"--box {spec.name}"
    keys = {key: value for key, value in spec.options if key not in (INNER, OUTER)}
    outside = {key.removeprefix(OF_OUTER): value for key, value in keys.items() if key.startswith(OF_OUTER)}
    inside = {key: value for key, value in keys.items() if not key.startswith(OF_OUTER)}
    inner, outer = (_known(str(spec.option(key, "")), where) for key in (INNER, OUTER))
    if inner in NOT_INSIDE:
        raise UsageError(
            f"{where}: {inner} starts no box inside another; name a technology that does: bubblewrap@docker"
        )
    if "door" in outside:
        raise UsageError(f"{where}, {OF_OUTER}door: the inner box starts with the outer one; leave it out")
    asked = {key: value for key, value in outside.items() if key in values.SCALARS or key == "env"}
    common: dict[str, Any] = {"hostname": "outer"} | {
        key: fields.checked(key, _listed(value) if key == "env" else value, f"{where}, {OF_OUTER}{key}")
        for key, value in asked.items()
    }
    own = {key: value for key, value in outside.items() if key not in asked}
    return Parts(
        inner=_built(replace(spec, technology=inner, options=(), name=inner, door=Door.START), inside, where),
        outer=_built(BoxSpec(technology=outer, instance=spec.instance, **common), own, where),
    )


def _listed(value: Any) -> Any:
    return value if isinstance(value, tuple) else (value,)


def _known(name: str, where: str) -> str:
    if name not in names():
        raise UsageError(f"{where}: no technology is called {name!r}; expected INNER@OUTER, such as bubblewrap@docker")
    return name


def _built(spec: BoxSpec, options: Mapping[str, Any], where: str) -> BoxSpec:
    found = technology(spec.technology)
    _check(options, found.keywords, spec.technology, where)
    return further(found).meant(replace(spec, options=tuple(sorted(options.items()))))


def _check(options: Iterable[str], keywords: Mapping[str, str], whose: str, where: str) -> None:
    for key in options:
        if key not in keywords and "*" not in keywords:
            raise fields.unknown(key, where, whose, [*values.SCALARS, "env", *keywords])
