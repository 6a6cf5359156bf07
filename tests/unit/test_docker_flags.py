"""A flag of `docker run`, written as it is there, is told by the word it has in a box."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_isolation.errors import UsageError
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies.docker.flags import FLAGS
from pytest_isolation.technologies.docker.settings import user_keywords

PAGE = Path(__file__).parents[2] / "docs" / "technologies" / "docker.md"


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_is_told_by_its_word(flag: str) -> None:
    """It was told "did you mean 'pids'?" of --pid, and of most others nothing."""
    with pytest.raises(
        UsageError, match=rf"^docker has no keyword '{flag}'; --?{flag} of `docker run` is \w+="
    ) as told:
        user_keywords(parse(f"docker:{flag}=x"))
    word = str(told.value).partition("` is ")[2].removesuffix(" here")
    spec = parse(f"docker:{word}")
    user_keywords(spec)
    assert spec != parse("docker"), "the word is one that a box takes"


def test_the_page_has_each() -> None:
    rows = re.findall(r"^\| `(-{1,2})([\w-]+)` \| `(.*)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name: word for _, name, word in rows} == FLAGS
    assert all(len(dashes) == (1 if len(name) == 1 else 2) for dashes, name, _ in rows)
