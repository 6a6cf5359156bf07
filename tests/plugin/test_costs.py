"""--isolation-costs in a whole run: every figure or why not, and rows that are as without it."""

from __future__ import annotations

import json
import platform
import struct
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_isolation import Box, weaken
from pytest_isolation.boxes.handle import Pausing
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import BoxError
from pytest_isolation.report.costs import KEYS
from pytest_isolation.suite.costs import engines, probes
from tests.runs import run
from tests.support import need, new_pool

WHAT = ("--isolation", "--box", "namespaces", "--isolation-only", "pid.init-is-one,mnt.mount-denied")
INSIDE = {"call_us", "open_read_us", "page_fault_us", "loopback_us", "fork_exec_us", "compute_ns"}


def verdicts(report: dict[str, Any]) -> dict[tuple[str, str], tuple[str, str, str]]:
    return {
        (row["box"], row["guarantee"]): (row["verdict"], row["outcome"], row["control"]) for row in report["results"]
    }


def test_every_figure_or_why_not_and_the_rows_as_without(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", *WHAT, "--hypothesis-seed=7")
    measured = ("--isolation-costs", "--isolation-costs-boxes=5", "-Werror")  # a process that is left is an error
    done = run(tmp_path / "costs", *WHAT, "--hypothesis-seed=7", *measured)
    assert (done.code, verdicts(done.report)) == (plain.code, verdicts(plain.report))
    schema = json.loads((files("pytest_isolation.report") / "schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(done.report)
    for box in done.report["boxes"]:
        assert set(KEYS) <= set(box["costs"]) | set(box["lacking"]), box["name"]
        assert set(box["costs"]).isdisjoint(box["lacking"])
        assert set(box["costs"]) >= INSIDE | {"start_ms", "end_ms", "boxes_per_s", "processes", "memory_mib"}
        assert all("bare" in box["costs"][key] for key in INSIDE), box["costs"]
        assert [one["boxes"] for one in box["growth"]] == [1, 5]
    (walled,) = done.report["boxes"]
    assert "disk_layer_mib" in walled["lacking"]
    assert walled["costs"]["processes"]["median"] == 2, "its first process, and the one that launched it"
    assert walled["growth"][1]["memory_mib"] > walled["growth"][0]["memory_mib"] > 0
    assert walled["costs"]["disk_box_mib"]["median"] > 0
    assert not any("lacking" in box or "growth" in box for box in plain.report["boxes"])
    done.said("what a box costs", "start to first call, ms")
    said = {row["id"]: row for row in done.report["trade"]}
    assert said["kernel"]["answer"] == "yes" and "trade" not in plain.report
    assert said["file"]["answer"] == said["versions"]["answer"] == "not measured"


def program(place: Path, version: str) -> Path:
    """A static program that tells its version and nothing else: write(2) and exit(2), x86-64 or aarch64."""
    text = f"tool {version}\n".encode()
    machine = platform.machine()
    if machine == "x86_64":
        code = b"\xb8\1\0\0\0\xbf\1\0\0\0\x48\x8d\x35\x10\0\0\0\xba" + len(text).to_bytes(4, "little")
        code += b"\x0f\x05\xb8\x3c\0\0\0\x31\xff\x0f\x05"
    else:
        code = b"".join(word.to_bytes(4, "little") for word in (
            0xD2800020, 0x100000C1, 0xD2800002 | len(text) << 5, 0xD2800808, 0xD4000001, 0xD2800BA8, 0xD4000001,
        ))  # fmt: skip
    at, body = 0x400000, code + text
    head = b"\x7fELF\2\1\1" + bytes(9)
    head += struct.pack("<2HI3QI6H", 2, 62 if machine == "x86_64" else 183, 1, at + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    head += struct.pack("<2I6Q", 1, 5, 0, at, at, 120 + len(body), 120 + len(body), 0x1000)
    path = place / f"tool-{version}"
    path.write_bytes(head + body)
    path.chmod(0o755)
    return path


def test_two_versions_of_a_program(tmp_path: Path) -> None:
    """At one path of the bare host the second takes the first one's place; in two boxes both are there."""
    old, new = (program(tmp_path, version) for version in ("1.2", "3.4"))
    with new_pool() as pool:
        bare = probes.versions_on_the_host((old, new), pool, pool.lifetime)
        boxed = probes.versions((old, new), BoxSpec(technology="namespaces"), pool)
        rooted = probes.versions((old, new), BoxSpec(technology="chroot"), pool)
        with pytest.raises(BoxError, match=r"both programs say 1.2; expected two versions"):
            probes.versions((old, old), BoxSpec(technology="namespaces"), pool)
    assert bare == ("no", "1.2 at one path is gone when 3.4 is installed there, and of one port: EADDRINUSE")
    assert boxed == ("yes", "1.2 and 3.4 at one path and one port")
    assert rooted == ("it depends", "1.2 and 3.4 at one path, but not at one port: EADDRINUSE")


ALL = "start, pause, go on, stop, start again, remove"


@pytest.mark.parametrize(
    ("technology", "answer", "figure"),
    [
        ("docker", "yes", f"did as asked: {ALL}"),
        ("podman", "yes", f"did as asked: {ALL}"),
        ("lxc", "yes", f"did as asked: {ALL}"),
        ("runc", "it depends", "did as asked: start, pause, go on, start again, remove; has no command to stop"),
        ("gvisor", "it depends", "did as asked: start, pause, go on, start again, remove; has no command to stop"),
        ("bubblewrap", "no", "did as asked: start, remove; has no command to pause, go on, stop, start again"),
    ],
)
def test_the_life_of_a_container(technology: str, answer: str, figure: str) -> None:
    need(technology)
    with new_pool() as pool:
        assert engines.life(BoxSpec(technology=technology, name=technology), pool) == (answer, figure)


def test_what_an_engine_does_not_do_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A box that nothing ends that takes no notice, and one whose pause does nothing."""
    spec = BoxSpec(technology="namespaces", name="open", weakenings=frozenset({weaken.drop("forced-stop")}))
    with new_pool() as pool:
        answer, figure = engines.life(spec, pool)
        assert answer == "no" and "; did not: stop" in figure and "pause, go on" in figure

        def launch(spec: BoxSpec) -> Box:
            box = pool.launch(spec)
            box.parts.pausing = Pausing(lambda: None, lambda: None)
            return box

        monkeypatch.setattr(engines, "_launched", lambda spec, pool: launch(spec))
        answer, figure = engines.life(replace(spec, weakenings=frozenset()), pool)
        assert answer == "no" and "; did not: pause" in figure
