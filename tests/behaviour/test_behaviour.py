"""`pytest-isolation behaviour`: what it writes, the layer that it names, and what a program sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_isolation import cli
from pytest_isolation.boxes.weakenings import lossy
from pytest_isolation.outside.behaviour.kinds import BY_NAME
from pytest_isolation.outside.behaviour.play import Call
from pytest_isolation.suite.behaviour import layers, view
from pytest_isolation.suite.behaviour.layers import OWN_KERNEL, file_system
from pytest_isolation.suite.behaviour.measure import TECHNOLOGIES, Measured, drawn, measure
from pytest_isolation.suite.behaviour.render import SCHEMA
from pytest_isolation.technologies.pool import Pool
from tests.support import REQUIRED, need

MOVED = (Call("rename", 2, 7),)


def test_the_command_writes_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("namespaces")
    words = ["behaviour", "--technology", "namespaces", "--kind", "locks", "--count", "3"]
    assert cli.main([*words, "--format", "json", "-o", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (found["schema"], found["interrupted"]) == (SCHEMA, False)
    one = found["technologies"]["namespaces"]
    assert one["kinds"] == {"locks": {"sequences": 3, "differences": []}}
    assert one["sees"]["exits with 42: told"] == "42"
    assert cli.main(words) == 0
    assert "  locks: 3 sequences, no differences" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--kind", "sorts"], ["--technology", "host"], ["--count", "0"]])
def test_a_mistake_is_one_sentence(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["behaviour", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"pytest-isolation behaviour: {' '.join(words)}: expected ") and said.count("\n") == 1


def test_the_layer_is_named(pool: Pool) -> None:
    spec = need("docker")
    box = pool.box(spec)
    if file_system(box) != "overlay":
        pytest.skip(f"docker has its images on {file_system(box)} here")
    assert layers.layer(spec, pool, BY_NAME["image"], MOVED) == "its file system, overlay"


def test_a_kernel_of_ones_own_is_the_layer(pool: Pool) -> None:
    spec = need("gvisor")
    assert layers.layer(spec, pool, BY_NAME["files"], (Call("copy"),)) == OWN_KERNEL


def test_a_layer_that_nobody_can_take_away_is_unknown(pool: Pool) -> None:
    spec = need("namespaces").weakened(lossy("behaviour-locks"))
    assert layers.layer(spec, pool, BY_NAME["locks"], (Call("whole", 0, 0, 1),)) == "unknown"


def test_a_program_sees_where_it_is(pool: Pool) -> None:
    found = view.seen(pool.box(need("namespaces")))
    assert found.keys() >= {*view.SEEN, *view.LIMITED}
    assert (found["kernel"], found["usual devices"], found["umask"]) == ("the machine's", "as they should be", "0022")
    assert found["number of the first process"] == "1" and found["SIGTERM to itself, no handler"] == "goes on"
    assert (found["exits with 42: told"], found["killed: told"]) == ("42", "137")


@pytest.mark.long("behaviour")
@pytest.mark.parametrize("name", [one for one in TECHNOLOGIES if one != "gvisor"])
def test_the_machines_own_calls_end_alike(name: str) -> None:
    """In each technology whose programs have the machine's kernel, or one of their own that is Linux."""
    found: dict[str, Measured] = {}
    kinds = [kind for kind in BY_NAME if kind != "image"]
    measure([name], {kind: drawn(kind, 4, 1) for kind in kinds}, tell=lambda said: None, into=found)
    if found[name].missing:
        assert name not in REQUIRED, found[name].missing
        pytest.skip(found[name].missing)
    assert found[name].troubles == {}
    assert found[name].differences == {kind: [] for kind in kinds}
