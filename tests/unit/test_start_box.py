"""A box that does not come to be leaves nothing behind."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pytest_isolation.agent.client import Agent
from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies.base import start_box


class _Agent:
    def close(self) -> None: ...


def test_what_is_given_to_the_stack_later_ends_with_the_box() -> None:
    ended: list[str] = []
    kept: list[Any] = []

    def start(undo: Any) -> BoxHandle:
        undo.callback(ended.append, "first")
        kept.append(undo)
        return BoxHandle(cast(Agent, _Agent()))

    box = start_box(BoxSpec(technology="host"), start)
    kept[0].callback(ended.append, "later")
    assert ended == [] and box.parts.started_ms > 0
    box.close()
    box.close()
    assert ended == ["later", "first"]


@pytest.mark.parametrize("fails_in", ["the start", "the exec door"])
def test_a_failure_undoes_what_was_done(fails_in: str) -> None:
    ended: list[str] = []

    def refuse() -> Agent:
        raise BoxError(f"{fails_in} failed")

    def start(undo: Any) -> BoxHandle:
        undo.callback(ended.append, "first")
        return BoxHandle(refuse() if fails_in == "the start" else cast(Agent, _Agent()), enter=refuse)

    with pytest.raises(BoxError, match=f"{fails_in} failed"):
        start_box(BoxSpec(technology="namespaces", door=Door.EXEC), start)
    assert ended == ["first"]
