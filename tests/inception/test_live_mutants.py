"""The reference, built and started, with one thing wrong at a time: what is said of it.

Everything here is real: three containers, their processes, ports, volumes and database.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.live import leftovers, taken
from pytest_isolation.inception.live import stack as stacks
from pytest_isolation.inception.live.audit import Way, started
from pytest_isolation.inception.live.judge import ASKS, judge
from pytest_isolation.inception.live.stack import Stack
from pytest_isolation.technologies.docker import daemon
from tests.inception.broken import LOOK_ALIKES, MUTANTS, TAGS
from tests.inception.support import DAY, REFERENCE, apply

ASKED = AuditOptions(day=DAY, login="student")
EVERY = MUTANTS | LOOK_ALIKES


@pytest.fixture(scope="module")
def running(built: Lifetime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The reference, up."""
    way = Way(logs=tmp_path_factory.mktemp("logs"))
    with pytest.MonkeyPatch.context() as patch, ExitStack() as undo:
        patch.setattr(taken, "MAKES", 3 * len(EVERY))
        stack, _, made = undo.enter_context(started(REFERENCE, ASKED, built, way))
        for tag in TAGS:  # which nobody knew of when the stack was planned
            built.register("inception:project-tag", f"{tag}=")
            undo.callback(leftovers.restore_tag, daemon.connect(None), f"{tag}=")
        assert made.status == 0, (way.logs / "make.log").read_text()[-2000:]
        yield stack


def down(stack: Stack, *, forget: bool) -> None:
    """As a whole: NGINX looks up where WordPress is once, when it starts."""
    assert stack.run(stack.plan.compose("down"), "down").status == 0
    for store in stack.plan.stores if forget else ():
        for one in Path(store).iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()


@pytest.mark.long("live mutants")
@pytest.mark.parametrize("name", EVERY)
def test_mutant(name: str, running: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = EVERY[name]
    monkeypatch.setattr(stacks, "SETTLE_S", mutant.settles)
    top = Path(running.venue.top)
    kept = {file: (top / file).read_bytes() for file, _, _ in mutant.edits}
    down(running, forget=mutant.fresh)
    apply(top, mutant.edits)
    try:
        made = running.make(name.replace(" ", "-"))
        facts = replace(running.look(), made=made)
        if made.status == 0:
            running.settle()
            site, no_site = running.visit()
            facts = replace(running.look(), made=made, site=site, no_site=no_site, passwordless=running.passwordless())
            facts = mutant.does(running, facts)
        rows = list(judge(facts, ASKED, "x"))
    finally:
        for file, text in kept.items():
            (top / file).write_bytes(text)
        down(running, forget=mutant.fresh)
    said = {row.rule: row.verdict for row in rows if row.verdict not in ("pass", "not-applicable")}
    assert said == mutant.says, [(row.rule, row.where, row.found) for row in rows if row.rule in said]
    assert {row.rule for row in rows} == set(ASKS)


def test_there_are_twenty() -> None:
    """And each rule is broken by one."""
    assert len(MUTANTS) >= 20
    assert set(ASKS) == {rule for mutant in MUTANTS.values() for rule, said in mutant.says.items() if said != "unclear"}
