"""The reader of YAML takes what libyaml takes, white space above all: compose's reader is a port of that."""

from __future__ import annotations

from typing import Any

import pytest
import yaml as libyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_isolation.inception.place import Unreadable
from pytest_isolation.inception.yaml import Map, Seq, load

BLANKS = st.sampled_from([" ", " ", " ", "\t", " \t", "\t "])
CONTENTS = st.sampled_from([
    ("a:",), ("b:", "x"), ("-", "y"), ("-", "c:", "'q'"), ("d:", '"r"', ""), ("e:", "[1,", "2]"), ("f:", "|"),
    ("g:", "x", "y"),
    ("h:", "{k:", "v}"), ("i:", "x#y"), ("-", "-", "z"), ("j:", "&n", "w"), ("more", "words"), ("",), ("l:", ">-"),
    ("- m:",),
    ("---",),
])  # fmt: skip
ENDS = st.sampled_from(["", "", "", " ", "\t", "\t# c", " # c", " \t # c", "#c"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    indent = draw(st.sampled_from(["", "", "  ", "    ", "\t", "  \t"]))
    words = draw(CONTENTS)
    text = words[0]
    for word in words[1:]:
        text += draw(BLANKS) + word
    return indent + text + draw(ENDS)


DOCUMENTS = st.lists(lines(), min_size=1, max_size=6).map(lambda found: "\n".join(found) + "\n")


def ours(text: str) -> Any:
    """Texts, lists and lists of pairs; None for what is refused."""

    def plain(value: Any) -> Any:
        if isinstance(value, Map):
            return [(str(key), plain(item)) for key, item in value.items()]
        return [plain(item) for item in value] if isinstance(value, Seq) else "" if value is None else str(value)

    try:
        return "read", plain(load(text, "f"))
    except Unreadable as error:
        return "refused" if "twice" not in str(error) and "not a text" not in str(error) else "by us"


def theirs(text: str) -> Any:
    def plain(node: Any) -> Any:
        if isinstance(node, libyaml.MappingNode):
            return [(plain(key), plain(value)) for key, value in node.value]
        if isinstance(node, libyaml.SequenceNode):
            return [plain(one) for one in node.value]
        return "" if node is None or str(node.tag).endswith(":null") else node.value

    try:
        return "read", plain(libyaml.compose(text, Loader=libyaml.CLoader))
    except libyaml.YAMLError:
        return "refused"


@given(DOCUMENTS)
@settings(max_examples=1500, deadline=None)
def test_it_reads_what_libyaml_reads(text: str) -> None:
    found = ours(text)
    assert found in ("by us", theirs(text))


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\t# c\n",
        "a:\t1\n",
        "a: x\t\nb: 2\n",
        "a:\t# c\n  b: 1\n",
        "a: |\t# c\n  x\n",
        "a: b\tc\n",
        "---\t# c\na: 1\n",
    ],
)
def test_a_tab_that_compose_takes(text: str) -> None:
    assert ours(text) == theirs(text) != "refused"


@pytest.mark.parametrize(
    "text", ["f: |\n \n  a:\n", "f: |\n  \n  a\n", "f: >\n\n \n   a\n  \n   b\n", "f: |\n    \n  a: 1\n"]
)
def test_blank_lines_before_a_block(text: str) -> None:
    assert ours(text) == theirs(text)


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "\ta: 1\n", "a:\n  -\tx\n", "a: x\n\tb: 1\n"])
def test_a_tab_that_indents(text: str) -> None:
    assert ours(text) == theirs(text) == "refused"
