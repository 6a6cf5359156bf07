"""What is said of boxes: each answer follows from figures and rows, and nothing measured is never a yes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.report import renderer, terminal, trade
from pytest_isolation.report.further import Cost
from pytest_isolation.report.run import BoxRow, Run
from pytest_isolation.report.trade import DEPENDS, NO, UNMEASURED, YES, Probed
from tests.unit.test_report import RUN, VALIDATOR

ROW = next(
    row for row in RUN.results if row.sibling is None and row.door == Door.START and row.verdict is Verdict.HOLDS
)


def box(name: str, technology: str, **costs: float) -> BoxRow:
    held = {
        key: Cost(median=value, n=3, low=value, bare=1.0 if key in trade.INSIDE else None)
        for key, value in costs.items()
    }
    return replace(RUN.boxes[0], name=name, technology=technology, costs=held | {"end_ms": Cost(median=1, n=1)})


def run(*boxes: BoxRow, verdicts: dict[tuple[str, str], Verdict] | None = None) -> Run:
    rows = tuple(
        replace(ROW, box=name, guarantee=guarantee, verdict=verdict)
        for (name, guarantee), verdict in (verdicts or {}).items()
    )
    return replace(RUN, boxes=boxes, results=rows)


def answers(found: Run, *probed: Probed) -> dict[str, str]:
    return {row.id: row.answer for row in trade.rows(found, probed)}


def test_nothing_measured_is_no_yes() -> None:
    assert trade.rows(RUN) == (), "nobody asked for costs"
    found = trade.rows(run(box("docker", "docker", start_ms=1)))
    assert {row.answer for row in found} == {UNMEASURED}
    assert all(row.figure.startswith("needs ") and row.source for row in found)


@pytest.mark.parametrize(("docker", "lxc", "said"), [(1.0, 2.0, YES), (1.0, 9.0, DEPENDS), (8.0, 9.0, NO)])
def test_each_container_is_set_beside_the_vm(docker: float, lxc: float, said: str) -> None:
    found = run(
        box("docker", "docker", start_ms=docker, processes=docker),
        box("lxc", "lxc", start_ms=lxc, processes=lxc),
        box("vm", "qemu", start_ms=5, processes=5, first_start_ms=400),
    )
    assert answers(found)["faster"] == answers(found)["processes"] == said
    (row,) = (one for one in trade.rows(found) if one.id == "faster")
    assert "vm starts in 5 ms, and in 400 ms where it boots" in row.figure


def test_smaller_is_both_memory_and_disk() -> None:
    vm = box("vm", "qemu", memory_mib=100, disk_image_mib=10)
    assert answers(run(box("docker", "docker", memory_mib=1, disk_image_mib=1), vm))["smaller"] == YES
    assert answers(run(box("docker", "docker", memory_mib=1, disk_image_mib=90), vm))["smaller"] == DEPENDS


def test_a_loss_is_more_than_a_machine_differs_by() -> None:
    inside = dict.fromkeys(trade.INSIDE, 1.1)
    assert answers(run(box("docker", "docker", **inside)))["loss"] == YES
    slow = box("gvisor", "gvisor", **dict.fromkeys(trade.INSIDE, 9.0))
    assert answers(run(slow))["loss"] == NO
    assert answers(run(slow, box("docker", "docker", **inside)))["loss"] == DEPENDS


def test_rows_answer_too() -> None:
    holds, violated = Verdict.HOLDS, Verdict.VIOLATED
    found = run(
        box("namespaces", "namespaces"),
        box("docker", "docker"),
        verdicts={
            ("namespaces", "pid.a"): holds, ("docker", "pid.a"): holds,
            ("namespaces", "port.a"): holds, ("docker", "port.a"): holds,
        },
    )  # fmt: skip
    assert answers(found)["parts"] == answers(found)["anywhere"] == YES
    other = replace(found, results=(*found.results[:3], replace(found.results[3], verdict=violated)))
    assert answers(other)["parts"] == answers(other)["anywhere"] == DEPENDS
    (row,) = (one for one in trade.rows(other) if one.id == "parts")
    assert "not port.a" in row.boxes["docker"]


def test_what_was_tried_is_asked_of_the_boxes_the_sentence_is_about() -> None:
    found = run(box("docker", "docker"), box("vm", "qemu"))
    probes = [Probed("kernel", "docker", YES, "the same"), Probed("kernel", "vm", NO, "another")]
    assert answers(found, *probes)["kernel"] == YES, "of containers it is said"
    assert answers(found, probes[1])["kernel"] == UNMEASURED
    assert answers(found, Probed("file", "vm", YES, "moved"))["file"] == YES
    bare = Probed("versions", "bare host", NO, "replaced")
    assert answers(found, bare, Probed("versions", "docker", YES, "both"))["versions"] == YES
    assert answers(found, bare, Probed("versions", "docker", UNMEASURED, "no room"))["versions"] == UNMEASURED


def test_every_format_has_them_and_the_schema() -> None:
    found = run(box("docker", "docker", start_ms=1), box("vm", "qemu", start_ms=5))
    found = replace(found, results=(), trade=trade.rows(found))
    document = found.to_json()
    VALIDATOR.validate(document)
    assert Run.from_json(json.loads(json.dumps(document))) == found
    assert "trade" not in RUN.to_json()
    for text in (terminal.render(found), renderer("md")(found), renderer("html")(found)):
        flat = " ".join(text.split())
        assert "Containers start faster than virtual machines." in flat and "docker 1" in flat
        assert "What is said of boxes" in text or "what is said of boxes" in text
    assert trade.COMPARED in renderer("md")(found) and "NIST SP 800-190" in renderer("html")(found)
