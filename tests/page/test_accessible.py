"""The HTML report under axe-core, the field's checker of accessibility: no violation, whatever it is shown on."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.guarantees.verdicts import Layer, Verdict
from pytest_isolation.report.html import render
from pytest_isolation.report.run import Run, Section
from tests.page.browser import asked
from tests.support import REQUIRED
from tests.unit.test_costs import costed
from tests.unit.test_depth_in_words import BOX as DEPTH
from tests.unit.test_flow_in_words import ROW as FLOW

AXE = """
const told = await axe.run(document, {resultTypes: ['violations']});
const at = (node) => [node.html.slice(0, 200), node.failureSummary];
const said = (one) => ({id: one.id, help: one.help, at: one.nodes.slice(0, 3).map(at)});
return {rules: told.passes.map((one) => one.id), violations: told.violations.map(said)};
"""
OPENED = """
document.getElementById('deviates').click();
document.querySelectorAll('details').forEach((one) => { one.open = true; });
"""


def axe() -> str:
    """axe.min.js, of the package that brings it; its Python is not used."""
    found = util.find_spec("axe_playwright_python")
    if found is None and "chromium" not in REQUIRED:
        pytest.skip("there is no axe-core here; dev/setup installs it")
    assert found is not None and found.origin is not None, "axe-core was required, and is not there: run dev/setup"
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def whole() -> Run:
    """A run whose page has every section there is."""
    run = costed()
    refused = next(row for row in run.results if row.verdict is Verdict.HOLDS)
    held = replace(refused, refused_by=(Layer.SECCOMP,), opened_by=("drop-seccomp",))
    beside = [replace(row, sibling="chroot") for row in run.results if row.box == "docker"]
    section = Section(key="further", rows=({"one": "1"},))
    return replace(run, results=(*run.results, held, *beside), depth=(DEPTH,), flow=(FLOW,), sections=(section,))


def looked_at(folder: Path, text: str, before: str = "", **how: Any) -> dict[str, Any]:
    """What axe says of the page after the script `before`."""
    script = axe().replace("</script", "<\\/script")
    told: dict[str, Any] = asked(folder, text, f"{script};{before}{AXE}", **how)
    assert "error" not in told, told
    assert len(told["rules"]) > 10, "axe came to no question"
    return told


@pytest.mark.parametrize(
    ("width", "dark"),
    [
        pytest.param(1440, False, id="desk-light"),
        pytest.param(390, True, id="phone-dark"),
        pytest.param(1440, True, id="desk-dark", marks=pytest.mark.long("pages")),
        pytest.param(390, False, id="phone-light", marks=pytest.mark.long("pages")),
    ],
)
def test_axe_finds_nothing(tmp_path: Path, width: int, dark: bool) -> None:
    told = looked_at(tmp_path, render(whole()), OPENED, width=width, dark=dark)
    assert told["violations"] == []


def test_axe_finds_nothing_on_paper(tmp_path: Path) -> None:
    """With the rules for print as those of the screen, and what is opened before printing open."""
    text = render(whole())
    assert text.count("@media print") == 2
    paper = text.replace("@media print", "@media all").replace("prefers-color-scheme: dark", "print")
    told = looked_at(tmp_path, paper, "dispatchEvent(new Event('beforeprint'));")
    assert told["violations"] == []


def test_nothing_is_left_out_of_sight_on_paper(tmp_path: Path) -> None:
    """What a browser need not lay out is contained, and a wide table that is contained ends at the page's edge."""
    text = render(whole())
    script = """return [...document.querySelectorAll('.wide, .tall, details')].map((one) => {
        const style = getComputedStyle(one); return [style.contentVisibility, style.overflow]; });"""
    on_screen = asked(tmp_path, text, script)
    assert any(visibility == "auto" for visibility, _ in on_screen)
    on_paper = asked(tmp_path, text.replace("@media print", "@media all"), script)
    assert len(on_paper) == len(on_screen) and {tuple(one) for one in on_paper} == {("visible", "visible")}


def test_axe_sees(tmp_path: Path) -> None:
    """The control: a page with a faint ink, a table's head without a scope and a field without a label."""
    text = render(whole())
    soft = re.sub(r"--soft: #\w+", "--soft: #b9bcc0", text, count=1)
    poor = soft.replace("<label>find ", "<label></label>").replace('<html lang="en">', "<html>")
    found = {one["id"] for one in looked_at(tmp_path, poor)["violations"]}
    assert {"color-contrast", "label", "html-has-lang"} <= found
