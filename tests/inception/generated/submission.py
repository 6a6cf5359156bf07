"""A generated submission, whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.inception.generated import shapes
from tests.inception.generated.choices import Choices, Made
from tests.inception.generated.compose import compose
from tests.inception.generated.documents import documents
from tests.inception.generated.host import env_and_git, makefile
from tests.inception.generated.mariadb import mariadb
from tests.inception.generated.nginx import nginx
from tests.inception.generated.stack import BREAKABLE, Stack
from tests.inception.generated.wordpress import wordpress


def submission(choose: Callable[[Sequence[Any]], Any]) -> Made:
    """A submission: most have one or two breaches, a sixth has none."""
    broken = {choose(BREAKABLE) for _ in range(choose((0, 1, 1, 2, 2, 3)))}
    c = Choices(choose, frozenset(broken))
    s = Stack(c)
    mariadb(s)
    wordpress(s)
    nginx(s)
    compose(s)
    ignored = env_and_git(s)
    makefile(s)
    asked = {"subject": s.subject}
    documents(c, s.subject, s.login, s.write)
    shapes.innocents(c, s.write)
    if not c.broken & {"R01", "S04"}:
        shapes.nested(c, s.files, s.executable, ignored)
    return Made(
        files=s.files, executable=frozenset(s.executable), ignored=frozenset(ignored), says=c.says,
        may={rule: frozenset(words) for rule, words in c.may.items()}, drawn=tuple(c.drawn), asked=asked,
    )  # fmt: skip


@st.composite
def submissions(draw: Any) -> Made:
    """The same, drawn by Hypothesis."""
    return submission(lambda of: draw(st.sampled_from(of)))
