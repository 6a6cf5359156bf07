"""Which layer refuses: each defence is a part of one, or of none, and formats say what was found."""

from __future__ import annotations

import json
from dataclasses import replace
from fnmatch import fnmatchcase

from pytest_isolation.boxes.weakenings import drop, expose, grant, lossy, share
from pytest_isolation.guarantees.defences import names
from pytest_isolation.guarantees.layers import DEFENCES, by_layer, layer_of
from pytest_isolation.guarantees.verdicts import Layer, Verdict
from pytest_isolation.report import renderer, terminal
from pytest_isolation.report.run import Run
from pytest_isolation.technologies import technology
from tests.unit.test_report import RUN, VALIDATOR

REFUSES_NOTHING = {
    "memory-limit", "pids-limit", "cpu-limit", "further-limits", "no-new-privs", "bound-address", "own-kernel",
    "own-keyring", "first-process", "closed-descriptors", "cleared-environment", "clean-up",
    "own-groups", "no-secret-given", "paused-whole", "fails-closed",
    "graceful-stop", "forced-stop", "exit-status", "restart", "reaper", "parent-death",
    "own-session", "process-limits", "saved-images", "exported-files", "built-files", "told-limits",
    "volume-edge", "as-handed", "kept-state", "fresh-random",
    "same-calls", "usual-devices", "own-proc", "usual-attributes",
    "emulator-confined", "emulator-closed", "machine-size", "nothing-plugged-in",
}  # fmt: skip
"""Defences without which a call that was refused is refused still."""


def test_each_defence_is_a_part_of_a_layer_or_refuses_nothing() -> None:
    patterns = [one for known in DEFENCES.values() for one in known]
    without = {one for one in names() if not any(fnmatchcase(one, pattern) for pattern in patterns)}
    assert {one for one in without if not one.startswith(("carried-", "entered-"))} == REFUSES_NOTHING


def test_a_hole_takes_one_layer_away() -> None:
    assert layer_of(drop("seccomp")) is Layer.SECCOMP
    assert layer_of(grant("SYS_ADMIN")) is Layer.CAPABILITY
    assert layer_of(share("net")) is Layer.NAMESPACE
    assert layer_of(share("mnt")) is Layer.MOUNT
    assert layer_of(drop("devices")) is Layer.DEVICE_GROUP
    assert layer_of(expose("/home/somebody")) is Layer.MOUNT
    assert layer_of(lossy("links")) is None


def test_the_filter_is_taken_away_first() -> None:
    layers = by_layer(technology("docker").weakenings())
    assert list(layers) == [one for one in DEFENCES if one is not Layer.LSM]


def test_what_was_found_is_in_each_format_and_read_again() -> None:
    held = next(row for row in RUN.results if row.verdict is Verdict.HOLDS)
    found = replace(held, refused_by=(Layer.SECCOMP, Layer.CAPABILITY), opened_by=("drop-seccomp", "grant-sys-time"))
    run = replace(RUN, results=tuple(found if row is held else row for row in RUN.results))
    VALIDATOR.validate(run.to_json())
    assert Run.from_json(json.loads(renderer("json")(run))) == run
    line = f"{held.box}: seccomp and capability: {held.guarantee} (opened by drop-seccomp with grant-sys-time)"
    assert line in terminal.render(run, width=500)
    assert "## Which layer refuses" in renderer("md")(run)
    assert '<h2 id="refused-title">Which layer refuses</h2>' in renderer("html")(run)


def test_a_run_that_did_not_ask_says_null_and_nothing() -> None:
    assert all(row["refused_by"] is None and "opened_by" not in row for row in RUN.to_json()["results"])
    assert "which layer refuses" not in terminal.render(RUN)
