"""A virtual machine with a running counter is kept as files, and goes on elsewhere; what is left out is missed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import BoxError, UsageError
from pytest_isolation.machines import qemus
from pytest_isolation.suite.moves.measure import Measured, measure
from pytest_isolation.suite.moves.plan import HOST, Setup, Source, To, within
from pytest_isolation.suite.moves.render import as_json
from pytest_isolation.technologies.clean import clean
from pytest_isolation.technologies.qemu.emulator import Emulator, of_this_host, q35_types, version
from pytest_isolation.technologies.qemu.move import Moved, common_type
from tests.support import need, skip_unless_measured_with

MEASURED = json.loads((Path(__file__).parents[1] / "data" / "moves.json").read_text(encoding="utf-8"))
PLAIN, TO = Setup(HOST), To(Setup(HOST))
COMMAND = [sys.executable, "-m", "pytest_isolation.cli", "moves"]


@pytest.fixture(scope="module")
def lifetime() -> Iterator[Lifetime]:
    need("qemu")
    made = Lifetime()
    yield made
    made.close()


def moved(lifetime: Lifetime, sources: Sequence[Source], emulators: dict[str, Emulator] | None = None) -> Measured:
    found = Measured()
    emulators = emulators or {HOST: of_this_host()}
    measure(emulators, lifetime, tell=lambda said: None, into=found, sources=sources)
    assert len(found.moves) == sum(len(source.to) for source in sources)
    return found


def only(found: Measured) -> Moved:
    ((_, _, one),) = found.moves
    return one


def test_state_and_disk_go_on_in_another_directory(lifetime: Lifetime) -> None:
    found = only(moved(lifetime, [Source(PLAIN, "backed", "state", (TO,))]))
    assert found.went_on, found
    assert found.before is not None and found.after is not None
    assert found.after.names["boot-id"] == found.before.names["boot-id"], "it was booted again"
    assert found.before.counter > 10


def test_the_disk_that_did_not_come_along_is_missed(lifetime: Lifetime) -> None:
    less = (replace(TO, less="an empty disk"), replace(TO, less="half of the state"))
    (_, _, empty), (_, _, half) = moved(lifetime, [Source(PLAIN, "raw", "state", less)]).moves
    assert (list(empty.lost), empty.went_on, empty.refused) == (["synced"], False, "")
    assert half.refused and half.after is None


@pytest.mark.long("moves")
@pytest.mark.parametrize("way", ["state", "snapshot", "stop"])
def test_a_machine_does_what_it_did_before(way: str, lifetime: Lifetime) -> None:
    types = q35_types(of_this_host(), lifetime)
    found = as_json(moved(lifetime, [source for source in within(HOST, types) if source.way == way]))
    known = {key(row): row for row in MEASURED["moves"]}
    for row in found["moves"]:
        like = {name: value for name, value in row["to"].items() if name != "place"} == row["from"]
        if way != "stop" and like and "refused" not in row and not row.get("less"):
            assert row["went_on"], row
    there, here = (MEASURED["qemus"][HOST], MEASURED["kernel"]), (version(of_this_host()), found["kernel"])
    skip_unless_measured_with(there, here)
    again = [(row, known[key(row)]) for row in found["moves"] if key(row) in known]
    assert again, "none of these moves is among those that were measured"
    for row, before in again:
        assert row.get("refused") == before.get("refused")
        assert [row.get(name) for name in ("went_on", "lost", "names")] == [
            before.get(name) for name in ("went_on", "lost", "names")
        ]


def key(row: dict[str, object]) -> str:
    return json.dumps([row[name] for name in ("from", "disk", "way", "to")] + [row.get("less", "")])


@pytest.mark.long(seconds=120)
@pytest.mark.skipif(os.geteuid() != 0, reason="the QEMU of another release is fetched by root")
def test_it_goes_on_in_the_qemu_of_another_release(lifetime: Lifetime) -> None:
    own = of_this_host()
    suite = "sid" if not version(own).startswith("11.") else "trixie"
    other = qemus.fetched(suite, lifetime, print)
    assert version(other) != version(own)
    there = Setup(suite, common_type([own, other], lifetime), "qemu64")
    sources = [
        Source(replace(there, qemu=HOST), "qcow2", "state", (To(there),)),
        Source(there, "qcow2", "state", (To(replace(there, qemu=HOST)),)),
    ]
    for _, _, found in moved(lifetime, sources, {HOST: own, suite: other}).moves:
        assert found.went_on, found


def test_another_release_is_told(lifetime: Lifetime, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no suite 'buster'; expected one of bookworm, trixie, sid"):
        qemus.fetched("buster", lifetime, print)
    with pytest.raises(BoxError, match="remove the directory, and it is fetched anew"):
        qemus.in_tree(tmp_path)


def _started(tmp_path: Path, output: Path) -> subprocess.Popen[str]:
    """The command, once it has a machine."""
    process = subprocess.Popen(
        [*COMMAND, "--format", "json", "-o", os.fspath(output)],
        env={**os.environ, "TMPDIR": os.fspath(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    process.stderr.readline()
    while process.poll() is None and not _machines(process.pid):
        time.sleep(0.02)
    return process


def _machines(pid: int) -> list[psutil.Process]:
    return [one for one in psutil.Process(pid).children(recursive=True) if "-initrd" in _words(one)]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_killed_run_leaves_nothing(lifetime: Lifetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", os.fspath(tmp_path))
    process = _started(tmp_path, tmp_path / "found.json")
    machines = _machines(process.pid)
    assert machines
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(machines, timeout=10)
    assert not alive, "QEMU outlived the run that started it"
    assert not [one for one in clean() if one.outcome.startswith("kept")]
    (ours,) = tmp_path.iterdir()
    assert [path.name for path in ours.iterdir()] == ["lock"]


def test_one_that_is_ended_says_so_and_leaves_nothing(lifetime: Lifetime, tmp_path: Path) -> None:
    output = tmp_path / "found.json"
    process = _started(tmp_path, output)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said and said.endswith("interrupted: 0 moves are told of\n")
    document = json.loads(output.read_text(encoding="utf-8"))
    assert (document["interrupted"], document["moves"]) == (True, [])
    (ours,) = [path for path in tmp_path.iterdir() if path != output]
    assert [path.name for path in ours.iterdir()] == ["lock"]
