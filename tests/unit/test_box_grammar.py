"""--box: what is written is what is meant, and every mistake is one paragraph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_isolation.boxes.spec import BoxSpec, Volume
from pytest_isolation.boxes.weakenings import drop, grant, share
from pytest_isolation.door import Door
from pytest_isolation.errors import UsageError
from pytest_isolation.options import grammar
from pytest_isolation.options.boxes import from_table, parse, unparse


class Fake:
    """As much of a technology as the grammar asks for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.keywords = {"runtime": "", "cap_add": "", "command": ""} | ({"*": ""} if name == "open" else {})

        if name == "command":
            self.keywords[""] = "the command"

    def weakenings(self) -> frozenset[Any]:
        return frozenset({share("pid"), drop("seccomp"), grant("SYS_ADMIN")})


def read(text: str) -> BoxSpec:
    return parse(text, Fake)  # type: ignore[arg-type]


def written(spec: BoxSpec) -> str:
    return unparse(spec, Fake)  # type: ignore[arg-type]


WORDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SOME_TEXT = TEXTS.filter(bool)
VARIABLES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,5}", fullmatch=True)


@st.composite
def specs(draw: st.DrawFn) -> BoxSpec:
    technology = draw(st.sampled_from(["docker", "command", "a.b-c_d"]))
    options = draw(
        st.dictionaries(
            st.sampled_from(["runtime", "cap_add", "command", *([""] if technology == "command" else [])]),
            TEXTS | st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
        )
    )
    return BoxSpec(
        technology=technology,
        name=draw(st.just("") | WORDS),
        image=draw(st.none() | SOME_TEXT),
        memory=draw(st.none() | st.integers(1, 1 << 42)),
        pids=draw(st.none() | st.integers(1, 10**6)),
        cpus=draw(st.none() | st.floats(0.001, 1024)),
        network=draw(st.none() | SOME_TEXT),
        read_only=draw(st.booleans()),
        env=tuple(draw(st.dictionaries(VARIABLES, TEXTS, max_size=3)).items()),
        uid=draw(st.integers(0, 2**32 - 2)),
        gid=draw(st.integers(0, 65536)),
        workdir=draw(st.just("/") | TEXTS.map("/{}".format)),
        hostname=draw(st.from_regex(r"[A-Za-z0-9.-]{1,20}", fullmatch=True)),
        weakenings=draw(st.frozensets(st.sampled_from(sorted(Fake("x").weakenings())))),
        options=tuple(sorted(options.items())),
        door=draw(st.sampled_from(["start", "exec"])),
        intrusive=draw(st.booleans()),
    )


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first draw builds tables: a second on a busy machine
@given(spec=specs())
@example(spec=BoxSpec(technology="docker", options=(("cap_add", ("A",)),)))
@example(spec=BoxSpec(technology="docker", options=(("runtime", ""),)))
@example(spec=BoxSpec(technology="command", options=(("", "a=b:c"),)))
@example(spec=BoxSpec(technology="command", options=(("", "a"), ("runtime", "b"))))
@example(spec=BoxSpec(technology="docker", options=(("cap_add", ("", "+")),)))
@example(spec=BoxSpec(technology="docker", options=(("runtime", "'\"\\\n,"),)))
def test_what_is_written_is_read_back(spec: BoxSpec) -> None:
    assert read(written(spec)) == spec


def assert_one_paragraph(error: UsageError) -> None:
    message = str(error)
    assert message.startswith("--box ")
    assert "\n" not in message
    assert len(message) > 40


PIECES = st.sampled_from(
    [*"=:,+'\"\\ \n\0é", "docker", "memory", "64M", "env", "A=1", "weaken", "share-pid", "cap_add", "command"]
)


@given(text=st.text() | st.lists(PIECES, max_size=12).map("".join))
def test_any_text_is_a_spec_or_a_usage_error(text: str) -> None:
    try:
        spec = read(text)
    except UsageError as error:
        assert_one_paragraph(error)
    else:
        assert read(written(spec)) == spec


@given(text=st.text() | st.lists(PIECES, max_size=12).map("".join))
def test_any_text_with_the_real_technologies(text: str) -> None:
    try:
        parse(f"host:{text}")
    except UsageError as error:
        assert_one_paragraph(error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("docker", BoxSpec(technology="docker")),
        ("strict=docker", BoxSpec(technology="docker", name="strict")),
        ("docker:runtime=runsc", BoxSpec(technology="docker", options=(("runtime", "runsc"),))),
        ("docker:image=debian:12,network=none", BoxSpec(technology="docker", image="debian:12", network="none")),
        ("docker:memory=64M,pids=48,cpus=.5", BoxSpec(technology="docker", memory=64 << 20, pids=48, cpus=0.5)),
        ("docker:memory=64MiB", BoxSpec(technology="docker", memory=64 << 20)),
        ("docker:memory=1g", BoxSpec(technology="docker", memory=1 << 30)),
        ("docker:memory=4096", BoxSpec(technology="docker", memory=4096)),
        ("docker:cap_add=A+B", BoxSpec(technology="docker", options=(("cap_add", ("A", "B")),))),
        ("docker:cap_add=A,cap_add=B", BoxSpec(technology="docker", options=(("cap_add", ("A", "B")),))),
        ("docker:cap_add=A+", BoxSpec(technology="docker", options=(("cap_add", ("A",)),))),
        ('docker:command="a, b: c+d"', BoxSpec(technology="docker", options=(("command", "a, b: c+d"),))),
        ("docker:command='a, \"b\"'", BoxSpec(technology="docker", options=(("command", 'a, "b"'),))),
        (r'docker:command="\"a\\b\c"', BoxSpec(technology="docker", options=(("command", r'"a\b\c'),))),
        (r"docker:command=a\,b", BoxSpec(technology="docker", options=(("command", "a,b"),))),
        ("docker:command=a'b c'd", BoxSpec(technology="docker", options=(("command", "ab cd"),))),
        ("docker:env=A=1+B=x=y", BoxSpec(technology="docker", env=(("A", "1"), ("B", "x=y")))),
        ("docker:weaken=share-pid+drop-seccomp", BoxSpec(technology="docker").weakened(share("pid"), drop("seccomp"))),
        ("docker:read_only=yes,door=exec", BoxSpec(technology="docker", read_only=True, door=Door.EXEC)),
        ("docker:intrusive=1", BoxSpec(technology="docker", intrusive=True)),
        ('command:"bwrap {agent}"', BoxSpec(technology="command", options=(("", "bwrap {agent}"),))),
        ("open:whatever=1", BoxSpec(technology="open", options=(("whatever", "1"),))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_spec(text: str, expected: BoxSpec) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "received", "told"),
    [
        ("", "''", "expected [NAME=]TECHNOLOGY"),
        ("=docker", "''", "the name before ="),
        ("a b=docker", "'a b'", "expected letters"),
        ("docker:", "docker:", "expected KEY=VALUE"),
        ("docker:memory=64M,", "64M,", "expected KEY=VALUE"),
        ("docker:memory", "'memory'", "expected KEY=VALUE"),
        ("docker:memroy=64M", "'memroy'", "did you mean 'memory'?"),
        ("docker:runtim=runsc", "'runtim'", "did you mean 'runtime'?"),
        ("docker:memory=lots", "'lots'", "64M"),
        ("docker:memory=0", "'0'", "above 0"),
        ("docker:memory=-1", "'-1'", "above 0"),
        ("docker:memory=1+2", "memory", "expected one value"),
        ("docker:pids=1.5", "'1.5'", "whole number"),
        ("docker:cpus=nan", "'nan'", "above 0"),
        ("docker:read_only=maybe", "'maybe'", "true or false"),
        ("docker:uid=root", "'root'", "numeric"),
        ("docker:uid=4294967295", "'4294967295'", "numeric"),
        ("docker:workdir=tmp", "'tmp'", "begins with /"),
        ("docker:hostname=a_b", "'a_b'", "letters"),
        ("docker:door=window", "'window'", "start"),
        ("docker:network=", "''", "some text"),
        ("docker:env=A", "'A'", "NAME=VALUE"),
        ("docker:env=A=1+A=2", "'A'", "once"),
        ("docker:weaken=share-pidd", "'share-pidd'", "did you mean 'share-pid'?"),
        ("docker:cap_add=A++B", "cap_add", "empty element"),
        ("docker:command='a", "'a", "never closed"),
        ("docker:command=a\\", "a\\\\", "backslash"),
    ],
)
def test_mistake(text: str, received: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert_one_paragraph(caught.value)
    assert received in str(caught.value)
    assert told in str(caught.value)


def test_an_unknown_technology_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'docker'\?.*--isolation-list"):
        parse("dockr")


def test_what_no_text_can_say() -> None:
    spec = BoxSpec(technology="docker")
    for untellable in (replace(spec, volumes=(Volume(target="/v"),)), replace(spec, instance=1)):
        with pytest.raises(ValueError, match="no text"):
            unparse(untellable)


def test_table() -> None:
    table = {
        "technology": "docker",
        "memory": "64M",
        "pids": 48,
        "cpus": 0.5,
        "read_only": True,
        "env": {"A": "1", "B": 2},
        "cap_add": ["NET_ADMIN"],
        "runtime": "runsc",
        "weaken": ["share-pid"],
    }
    assert from_table("strict", table, Fake) == BoxSpec(  # type: ignore[arg-type]
        technology="docker",
        name="strict",
        memory=64 << 20,
        pids=48,
        cpus=0.5,
        read_only=True,
        env=(("A", "1"), ("B", "2")),
        options=(("cap_add", ("NET_ADMIN",)), ("runtime", "runsc")),
        weakenings=frozenset({share("pid")}),
    )


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({}, 'technology = "docker"'),
        ({"technology": 1}, 'technology = "docker"'),
        ({"technology": "docker", "memroy": 1}, "did you mean 'memory'?"),
        ({"technology": "docker", "memory": []}, "empty list"),
        ({"technology": "docker", "runtime": {"a": 1}}, "expected a text"),
        ({"technology": "docker", "env": {"A": []}}, "env.A"),
        ("docker", 'technology = "docker"'),
    ],
)
def test_table_mistake(table: Any, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_table("strict", table, Fake)  # type: ignore[arg-type]
    assert "pyproject.toml, [tool.pytest_isolation.boxes.strict]" in str(caught.value)
    assert told in str(caught.value)


@given(value=TEXTS)
def test_a_quoted_value_is_one_value(value: str) -> None:
    written = grammar.Written(None, "docker", (grammar.Item("command", (value,)), grammar.Item("runtime", ("x",))))
    assert grammar.read(grammar.written(written)) == written
