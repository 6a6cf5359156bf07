"""Every hole has a cause and a remedy in words, with the place where the words are from."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_isolation.boxes import weakenings
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees import defences, holes
from pytest_isolation.suite.collect import built_in_guarantees
from pytest_isolation.technologies import names, technology

PROMISES = built_in_guarantees()
OPENED = {hole for name in names() for hole in map(str, technology(name).weakenings())}
HOLES = sorted({str(hole) for promise in PROMISES for hole in promise.falsified_by} | OPENED)
ENTRIES: list[tuple[str, dict[str, Any]]] = [
    *holes.table()["hole"].items(), *holes.table()["guarantee"].items()
]  # fmt: skip


@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_has_a_cause(hole: str) -> None:
    assert hole in holes.table()["hole"], f"holes.toml has no [hole.{hole}]: say the cause, what to do, and the source"


@pytest.mark.parametrize("hole", holes.table()["hole"])
def test_a_hole_takes_a_defence_away(hole: str) -> None:
    assert defences.by_hole()[hole] in defences.names()


def test_every_namespace_can_be_told_of() -> None:
    assert all(f"share-{one}" in holes.table()["hole"] for one in weakenings.NAMESPACES)


@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=[name for name, _ in ENTRIES])
def test_an_entry(name: str, entry: dict[str, Any]) -> None:
    assert {"cause", "do", "source"} <= set(entry)
    assert set(entry) - {"cause", "do", "source", "given", "defence"} <= set(names()), (
        "words of a technology that is not there"
    )
    sentences = [entry["cause"], entry["do"], *(entry[one] for one in names() if one in entry)]
    assert all(text and not text.endswith(".") for text in sentences)


def test_the_guarantees_there_are() -> None:
    assert set(holes.table()["guarantee"]) <= {promise.id for promise in PROMISES}


def test_a_cause_that_was_seen() -> None:
    breaks = ["grant-sys-ptrace", "share-pid"]
    said = holes.why("pid.ptrace-cross-refused", breaks, "docker", {"namespace:pid": ""})
    assert said == holes.Why("the container shares the host's processes", "start it without --pid=host", seen=True)
    seen = holes.why("pid.ptrace-cross-refused", breaks, "docker", {"capability:SYS_PTRACE": ""})
    assert seen is not None and "CAP_SYS_PTRACE" in seen.cause and seen.seen
    usual = holes.why("pid.ptrace-cross-refused", breaks, "docker", {})
    assert usual is not None and not usual.seen and usual.cause == said.cause


def test_a_box_that_nobody_weakened() -> None:
    """Docker's bridge has a gateway, and nobody said --network=host."""
    usual = holes.why("net.host-services-by-gateway", ["share-net"], "docker", {})
    assert usual is not None and "gateway" in usual.cause
    weakened = holes.why("net.host-services-by-gateway", ["share-net"], "docker", {"hole:share-net": ""})
    assert weakened is not None and weakened.remedy.startswith("start it without --network=host")


def test_a_guarantee_of_the_users_own() -> None:
    assert holes.why("our.rule", [], "docker", {}) is None
    assert holes.why("our.rule", ["drop-nothing"], "docker", {}) is None


@pytest.mark.parametrize(
    ("name", "left_out", "told"),
    [
        (
            "shar-pid",
            "",
            "[hole.shar-pid]: no hole is called so; did you mean 'share-pid'? expected one of ",
        ),
        ("drop-seccmp", "", "[hole.drop-seccmp]: no hole is called so; did you mean 'drop-seccomp'? "),
        (
            "share-pid",
            "defence",
            "[hole.share-pid] has no defence; expected each of defence, cause, do, source",
        ),
        ("share-pid", "source", "holes.toml: [hole.share-pid] has no source; "),
    ],
)
def test_a_mistake_in_the_table_is_said_when_it_is_loaded(name: str, left_out: str, told: str) -> None:
    entry = dict(holes.table()["hole"]["share-pid"])
    assert defences.checked({"share-pid": entry})
    entry.pop(left_out, None)
    with pytest.raises(UsageError) as caught:
        defences.checked({name: entry})
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
