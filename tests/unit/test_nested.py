"""A box in a box: how it is written, what cannot be one, and what a report says got lost of the two alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation import BoxSpec, Unavailable, UsageError
from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.options.boxes import from_table, parse, unparse
from pytest_isolation.report import nested, renderer, terminal
from pytest_isolation.report.run import BoxRow, Run
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.nested import given
from pytest_isolation.technologies.nested.written import parts
from tests.unit.test_report import RUN

WRITTEN = [
    "bubblewrap@docker",
    "gvisor@lxc:outer.config='lxc.mount.auto = cgroup:rw:force'+",
    "namespaces@docker:outer.host=tcp://somebody@127.0.0.1:2375,outer.memory=64M",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_what_is_written_is_meant_and_can_be_written_again(text: str) -> None:
    spec = parse(text)
    assert spec.technology == "nested"
    assert parse(unparse(spec)) == spec
    assert unparse(spec) == text


def test_each_part_has_its_own_keys() -> None:
    both = parts(parse("gvisor@docker:platform=ptrace,memory=64M,outer.cap_add=SYS_ADMIN+,outer.pids=50"))
    assert (both.inner.technology, both.outer.technology) == ("gvisor", "docker")
    assert (both.inner.option("platform"), both.inner.memory, both.inner.pids) == ("ptrace", 64 << 20, None)
    assert (both.outer.option("cap_add"), both.outer.memory, both.outer.pids) == (("SYS_ADMIN",), None, 50)


def test_each_has_a_host_name_of_its_own() -> None:
    both = parts(parse("bubblewrap@nspawn:hostname=one,outer.hostname=two"))
    assert (both.inner.hostname, both.outer.hostname) == ("one", "two")


def test_a_table_says_it_as_well() -> None:
    spec = from_table("both", {"technology": "bubblewrap@docker", "outer.cap_add": ["SYS_ADMIN"]})
    assert (spec.name, parts(spec).outer.option("cap_add")) == ("both", ("SYS_ADMIN",))


def test_its_name_has_no_sign_that_ids_have() -> None:
    assert parse("bubblewrap@docker").name == "bubblewrap-in-docker"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bubblewrap@dokcer", "no technology is called 'dokcer'; expected INNER@OUTER"),
        ("a@b@c", "a@b@c is more than a box in a box; expected INNER@OUTER"),
        ("attach@docker", "attach starts no box inside another; name a technology that does"),
        ("bubblewrap@nspawn:outer.memroy=64M", "nspawn has no key 'memroy'; did you mean 'memory'"),
        ("bubblewrap@nspawn:memroy=64M", "bubblewrap has no key 'memroy'; did you mean 'memory'"),
        ("bubblewrap@nspawn:outer.memory=much", "memory is 'much'; expected a number of bytes"),
        ("bubblewrap@nspawn:outer.memory=much", "outer.memory: memory is 'much'; expected a number of bytes"),
        ("bubblewrap@nspawn:outer.memory=1M+2M", "outer.memory: memory is .*; expected a number of bytes"),
        ("bubblewrap@nspawn:outer.env=x", "outer.env: env"),
        ("bubblewrap@", "the technology is 'bubblewrap@'; expected INNER@OUTER, such as bubblewrap@docker"),
        ("@docker", "the technology is '@docker'; expected INNER@OUTER"),
        ("bubblewrap@nspawn:inner=docker", "inner is said by bubblewrap@nspawn; leave it out"),
        ("bubblewrap@nspawn:outer=docker", "outer is said by bubblewrap@nspawn; leave it out, and write outer.KEY"),
        ("nested", "nested is a box in a box; expected INNER@OUTER"),
        ("nested:inner=bubblewrap", "nested is a box in a box; expected INNER@OUTER"),
        ("bubblewrap@nspawn:outer.weaken=x", "nspawn has no key 'weaken'"),
    ],
)
def test_what_is_wrong_is_said_at_once(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("docker@qemu", "a virtual machine has a kernel and programs of its own.*docker-vm"),
        ("bubblewrap@command", "command mounts no directory of the host.*name one of namespaces, bubblewrap"),
    ],
)
def test_an_outer_box_without_the_hosts_programs_is_unavailable(text: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        technology("nested").check_available(parse(text))


def test_without_technologies_it_says_how_they_are_named() -> None:
    with pytest.raises(Unavailable, match="name two: --box INNER@OUTER"):
        technology("nested").check_available(BoxSpec(technology="nested"))


def test_what_the_outer_box_is_given_is_read_only_and_lies_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", ["", "/tmp", "/usr/lib/python3", str(Path(__file__).parent)])
    found = given.volumes()
    targets = [one.target for one in found]
    assert "/usr" in targets and str(Path(__file__).parent) in targets
    assert not set(targets) & {"/", "/tmp", "/proc", "/run"}
    assert all(one.read_only for one in found)
    assert [(one, other) for one in targets for other in targets if other.startswith(f"{one}/")] == []


def compared(opened: bool = True) -> Run:
    """Verdicts of four guarantees: of two alone, of the outer one as it was opened, and of one in the other."""
    (row, *_) = RUN.results
    told = {
        "bubblewrap": ("holds", "violated", "violated", "holds"),
        "docker": ("holds", "holds", "violated", "violated"),
        "open": ("holds", "violated", "violated", "violated"),
        "bubblewrap-in-docker": ("holds", "violated", "holds", "violated"),
    }
    specs: dict[str, dict[str, object]] = {
        "docker": {"facts": {"api": "1.41"}, "door": "both"},
        "open": {"facts": {"api": "1.41"}, "security_opt": ["seccomp=unconfined"]},
        "bubblewrap-in-docker": {
            "inner": "bubblewrap", "outer": "docker", "outer.security_opt": ["seccomp=unconfined"],
        },
    }  # fmt: skip
    kinds = {"open": "docker", "bubblewrap-in-docker": "nested"}
    names = [name for name in told if opened or name != "open"]
    boxes = tuple(
        BoxRow(name=name, technology=kinds.get(name, name), spec=specs.get(name, {}), version="1", available=True,
               reason=None)
        for name in names
    )  # fmt: skip
    results = tuple(
        replace(row, box=name, guarantee=f"pid.{letter}", door=Door.START, sibling=None, verdict=Verdict(verdict))
        for name in names
        for letter, verdict in zip("abcd", told[name], strict=True)
    )
    return replace(RUN, boxes=boxes, results=results)


def test_what_got_lost_is_told_with_who_keeps_it() -> None:
    (found,) = nested.told(compared())
    assert found.head == (
        "of 3 guarantees that bubblewrap or docker keeps alone, 1 hold, 2 lost; 1 more hold that neither keeps"
    )
    assert found.lines == (
        "lost, kept by docker alone, and not by open, which is docker as it was started for this: pid.b",
        "lost, kept by bubblewrap alone: pid.d",
        "kept by neither alone: pid.c",
    )


def test_without_the_opened_one_nothing_is_said_of_it() -> None:
    (found,) = nested.told(compared(opened=False))
    assert found.lines[0] == "lost, kept by docker alone: pid.b"


def test_every_format_has_it() -> None:
    run = compared()
    for text in (terminal.render(run, width=500), renderer("md")(run), renderer("html")(run)):
        for said in ("a box in a box", "of 3 guarantees that bubblewrap or docker keeps alone", "pid.d"):
            assert said in text.lower(), said


def test_a_run_without_the_two_alone_says_nothing() -> None:
    run = compared()
    alone = replace(run, boxes=run.boxes[-1:], results=run.results[-4:])
    assert nested.told(alone) == ()
    assert "box in a box" not in terminal.render(alone)
