"""Pages that are written from committed reports are what their command writes, and say what the reports say."""

from __future__ import annotations

import importlib.util
import json
import re
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def command(name: str) -> ModuleType:
    loader = SourceFileLoader(name.replace("-", "_"), str(ROOT / "dev" / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    loader.exec_module(made)
    return made


def test_the_page_of_layers_is_of_the_committed_reports() -> None:
    wrote = command("document-depth")
    assert wrote.page() == wrote.PAGE.read_text(encoding="utf-8"), "run dev/document-depth"


def test_what_was_confirmed_by_hand_is_a_single_point_of_failure() -> None:
    """Ten and more; each in the report of its box."""
    wrote = command("document-depth")
    text = wrote.PAGE.read_text(encoding="utf-8").partition(wrote.BEGIN)[2].partition(wrote.END)[0]
    rows = re.findall(r"^\| (\w+) \| `([\w.-]+)` \| `([\w-]+)` \|.*\| holds \| falls \|$", text, re.MULTILINE)
    assert len(rows) >= 10 and {box for box, _, _ in rows} == {name for name, _ in wrote.runs()}
    for box, guarantee, hole in rows:
        (depth,) = json.loads((ROOT / "reports" / f"depth-{box}.json").read_text(encoding="utf-8"))["depth"]
        assert [hole] in next(one["breakers"] for one in depth["guarantees"] if one["guarantee"] == guarantee)


def test_the_tables_of_flows_are_of_the_committed_report() -> None:
    wrote = command("document-flow")
    before = wrote.PAGE.read_text(encoding="utf-8")
    assert wrote.page() == before, "run dev/document-flow"
