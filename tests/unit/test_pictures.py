"""The pictures of the tutorial show what the report says today."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def script(name: str) -> ModuleType:
    loader = SourceFileLoader(name.replace("-", "_"), str(ROOT / "dev" / name))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made() -> ModuleType:
    return script("document-pictures")


def test_every_picture_is_shown_small_and_said_in_words(made: ModuleType) -> None:
    there = {path.name for path in made.PICTURES.iterdir()}
    shown = {name: words for words, name in re.findall(r"!\[([^\]]+)\]\(pictures/([^)]+)\)", TUTORIAL)}
    assert set(shown) == there and len(there) == 4
    for path in made.PICTURES.iterdir():
        assert path.stat().st_size <= made.LARGEST, f"{path.name} is large"
        assert len(shown[path.name]) > 20, f"who does not see {path.name} is told nothing"
    for name, width in (("page-1440.png", 1440), ("page-390.png", 390)):
        assert struct.unpack(">I", (made.PICTURES / name).read_bytes()[16:20]) == (width,)


def test_the_terminal_is_as_the_report_says_it_now(made: ModuleType) -> None:
    picture = (made.PICTURES / "answer.svg").read_text(encoding="utf-8")
    lines = ["".join(one.itertext()) for one in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    now = made.SGR.sub("", made.screen())
    assert lines == [f"$ {made.COMMAND}", "...", *(line for line in now.splitlines() if line)], (
        "run dev/document-pictures"
    )


def test_a_line_of_a_terminal_is_drawn_in_its_colours_and_columns(made: ModuleType) -> None:
    text = ET.fromstring(made.drawn("\033[33mdocker\033[0m  a < b\n\n\033[31;1mend\033[0m", "words & more"))
    first, last = text.iter("{http://www.w3.org/2000/svg}text")
    docker, rest = first
    assert (docker.text, docker.get("fill"), docker.get("x")) == ("docker", made.INKS["33"], f"{made.EDGE}")
    assert (rest.text, rest.get("fill"), rest.get("x")) == ("  a < b", None, f"{made.EDGE + 6 * made.LETTER:g}")
    assert (last[0].get("fill"), last[0].get("font-weight")) == (made.INKS["31"], "bold")
