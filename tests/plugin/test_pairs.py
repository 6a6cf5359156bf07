"""Boxes of different technologies beside each other, for real; two that share a namespace are caught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes.weakenings import join_sibling
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.technologies.pool import Pool
from tests.runs import Done, run
from tests.support import built_in_checks, need

ABOUT_TWO = "net.bridge-icc,pid.siblings-hidden,mnt.writes-not-shared"


def couples(done: Done) -> dict[tuple[str, str, str], dict[str, Any]]:
    """(box, sibling, guarantee) -> row."""
    return {(row["box"], row["sibling"], row["guarantee"]): row for row in done.report["results"] if row["sibling"]}


def asked(*boxes: str, only: str = ABOUT_TWO) -> list[str]:
    return ["--isolation", "--isolation-pairs", "--isolation-only", only, *(f"--box={box}" for box in boxes)]


def test_every_two_boxes_each_way(tmp_path: Path) -> None:
    """Nothing is started for the pairs: the boxes and, of the first three, one more of each were there."""
    need("runc")
    need("bubblewrap")
    markdown = tmp_path / "report.md"
    names = ("namespaces", "runc", "bubblewrap")
    done = run(tmp_path / "run", *asked(*names), f"--isolation-report=md:{markdown}")
    assert done.code == 0, done.out
    rows = couples(done)
    assert set(rows) == {(a, b, one) for a in names for b in names if a != b for one in ABOUT_TWO.split(",")}
    assert {(row["verdict"], row["door"]) for row in rows.values()} == {("holds", "start")}
    # Ten are asked for; what Hypothesis draws twice counts once there, and twice here.
    assert {row["examples"] for row in rows.values()} <= set(range(8, 13))
    done.said(
        "3 pairs of boxes, each way, 3 guarantees each: 18 hold, 0 violated", "3 guarantees x 3 boxes and 3 pairs"
    )
    assert "| runc | holds |  | holds |" in markdown.read_text()


def test_two_boxes_on_one_network(tmp_path: Path) -> None:
    """Both keep the host's network: each reaches the other, and nobody reaches the third."""
    need("runc")
    shared = ("a=namespaces:weaken=share-net", "b=runc:weaken=share-net", "c=namespaces")
    done = run(tmp_path / "run", *asked(*shared, only="net.bridge-icc,pid.siblings-hidden"))
    verdicts = {key[:2]: row["verdict"] for key, row in couples(done).items() if key[2] == "net.bridge-icc"}
    assert {pair for pair, verdict in verdicts.items() if verdict == "violated"} == {("a", "b"), ("b", "a")}
    assert {row["verdict"] for key, row in couples(done).items() if key[2] != "net.bridge-icc"} == {"holds"}
    assert done.code == 1
    done.said("VIOLATED net.bridge-icc in a beside b", "VIOLATED net.bridge-icc in b beside a", "(4 required)")


def test_what_a_check_brings_to_a_box_the_one_beside_it_need_not_have(tmp_path: Path) -> None:
    """An image of the check's own: two boxes of which one is not from it have none in common."""
    done = run(tmp_path / "run", *asked("chroot", "namespaces", only="mnt.lower-layer-bytes"))
    assert done.code == 0, done.out
    assert {row["verdict"] for row in couples(done).values()} == {"unsupported"}
    assert {row["verdict"] for row in done.report["results"] if not row["sibling"]} == {"holds"}


def test_what_one_did_not_promise_is_not_required(tmp_path: Path) -> None:
    """A bare process sees who lives in a PID namespace below its own; nobody promised otherwise."""
    done = run(tmp_path / "run", *asked("host", "namespaces", only="pid.siblings-hidden"))
    assert done.code == 0, done.out
    seen = couples(done)["host", "namespaces", "pid.siblings-hidden"]
    assert couples(done)["namespaces", "host", "pid.siblings-hidden"]["verdict"] == "holds"
    assert (seen["verdict"], seen["outcome"], seen["claim"]) == ("violated", "xfailed", "disclaimed"), seen
    assert "host" in seen["note"]
    done.said("pid.siblings-hidden violated: host beside namespaces")


def test_a_known_violation_of_a_pair(tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(
        '[[violation]]\nbox = "host"\nguarantee = "pid.siblings-hidden"\n'
        '[[violation]]\nbox = "host"\nguarantee = "pid.siblings-hidden"\nsibling = "namespaces"\n'
    )
    done = run(tmp_path / "a", *asked("host", "namespaces", only="pid.sib*"), f"--isolation-expect={known}")
    assert done.code == 0, done.out
    assert couples(done)["host", "namespaces", "pid.siblings-hidden"]["known"]
    known.write_text('[[violation]]\nbox = "host"\nguarantee = "pid.siblings-hidden"\n')
    done = run(tmp_path / "b", *asked("host", "namespaces", only="pid.sib*"), f"--isolation-expect={known}")
    assert done.code == 1
    done.said("VIOLATED pid.siblings-hidden in host beside namespaces: lists its neighbours' processes; new: not in")


def test_with_workers(tmp_path: Path) -> None:
    """All pairs are one worker's."""
    names = ("host", "namespaces", "chroot")
    serial = run(tmp_path / "serial", *asked(*names), "--hypothesis-seed=7")
    workers = run(tmp_path / "workers", "-n", "2", *asked(*names), "--hypothesis-seed=7")
    rows = [{key: row["verdict"] for key, row in couples(done).items()} for done in (serial, workers)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 18


# -- falsifiers: the neighbour of another technology lives in the box's own namespace -------------------

JOINING = [
    ("namespaces", "runc"),
    ("runc", "namespaces"),
    ("bubblewrap", "runc"),
    ("lxc", "namespaces"),
    ("runc", "lxc"),
]
"""(box, a technology whose box can join its namespaces)"""
KINDS = {"net": "net.bridge-icc", "pid": "pid.siblings-hidden"}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize(("one", "other"), JOINING, ids=str)
def test_a_neighbour_in_the_boxs_own_namespace(pool: Pool, one: str, other: str, kind: str) -> None:
    box, spec = pool.box(need(one)), need(other)
    promise, test = next(found for found in built_in_checks() if found[0].id == KINDS[kind])
    sound = run_property(promise, test, box.beside(pool.box(spec)), examples=10, seed=1)
    assert (sound.violation, sound.trouble, sound.unsupported) == (None, None, None)
    joined = replace(spec.weakened(join_sibling(kind)), started_beside=box)
    with pool.launch(joined) as neighbour:
        caught = run_property(promise, test, box.beside(neighbour), examples=10, seed=1, phases=PROVING)
    assert caught.violation is not None, (caught.trouble, caught.unsupported)
    assert box.alive
