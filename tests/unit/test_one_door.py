"""What a box is asked to have goes through one door: command line, TOML, fixtures and guarantees say the same of it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import severity, weaken
from pytest_isolation.boxes.spec import BoxSpec, Volume
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees.guarantee import guarantee
from pytest_isolation.options.boxes import changed, from_table, parse
from pytest_isolation.technologies.docker import keywords

GOOD: dict[str, Any] = {
    "claim": "x",
    "sources": ("man:kill(2)",),
    "severity": severity.host("signals processes of the host"),
    "falsified_by": weaken.share("pid"),
}


def declared(**how: Any) -> Any:
    return guarantee(**({"id": "pid.x"} | GOOD | how))


def refused(asked: Any) -> str:
    with pytest.raises(UsageError) as caught:
        asked()
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("key", "value", "text", "told"),
    [
        ("memory", "lots", "lots", "expected a number of bytes"),
        ("memory", -1, "-1", "expected a number of bytes"),
        ("memory", 1.5, "1.5", "expected a number of bytes"),
        ("pids", 0, "0", "expected a whole number above 0"),
        ("cpus", "half", "half", "0.5 is half of one"),
        ("read_only", "maybe", "maybe", "expected true or false"),
        ("uid", "root", "root", "expected a numeric id"),
        ("workdir", "here", "here", "that begins with /"),
        ("hostname", "a_b", "a_b", "letters, digits, dots and dashes"),
        ("door", "side", "side", "expected start"),
    ],
)
def test_four_ways_one_message(key: str, value: Any, text: str, told: str) -> None:
    table = tomllib.loads(f'technology = "host"\n{key} = {value!r}\n')
    said = [
        refused(lambda: parse(f"host:{key}={text}")),
        refused(lambda: from_table("b", table)),
        refused(lambda: changed(BoxSpec(technology="host"), {key: value}, "isolation_boxes('host')")),
        refused(lambda: declared(box={key: value})),
    ]
    assert len({one.partition("; ")[2] for one in said}) == 1, said
    assert all(f"{key} is " in one and told in one for one in said)


@pytest.mark.parametrize("key", ["memroy", "volume", "netwrok", "readonly"])
def test_a_word_that_is_none(key: str) -> None:
    nearest = {"memroy": "memory", "volume": "volumes", "netwrok": "network", "readonly": "read_only"}[key]
    for said in (
        refused(lambda: changed(BoxSpec(technology="host"), {key: 1}, "isolation_boxes('host')")),
        refused(lambda: declared(box={key: 1})),
    ):
        assert f"has no key {key!r}; did you mean {nearest!r}? expected one of" in said


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"falsified_by": "share-uts"}, """falsified_by has 'share-uts'; did you mean weaken.share("uts")?"""),
        ({"falsified_by": ["share_pid"]}, """did you mean weaken.share("pid")?"""),
        ({"falsified_by": "drop-secomp"}, """did you mean weaken.drop("seccomp")?"""),
        ({"falsified_by": None}, "falsified_by has None"),
        ({"falsified_by": ()}, "has no falsifier"),
        ({"sources": "man:kill(2)"}, "sources is the text 'man:kill(2)'; expected several: sources=(\"man:kill(2)\",)"),
        ({"sources": None}, "sources has None"),
        ({"sources": ("",)}, "sources has ''"),
        ({"claim": ""}, "has the claim ''; expected one sentence"),
        ({"claim": None}, "has the claim None"),
        ({"kind": "per_call"}, "did you mean 'per-call'?"),
        ({"kind": []}, "has kind []"),
        ({"oracle": "witnes"}, "did you mean 'witness'?"),
        ({"box": "memory=64M"}, "expected keys and values"),
        ({"box": {"memory": True}}, "memory is True"),
        ({"box": {"technology": "docker"}}, "a box has no key 'technology'"),
        ({"box": {"network": 3}}, "network is 3; expected a text"),
        ({"box": {"volumes": "/a:/b"}}, 'expected Volume(target="/volume", read_only=True)'),
        ({"box": {"weakenings": "share-pid"}}, 'expected weaken.share("pid")'),
        ({"box": {"env": {"": "b"}}}, "expected NAME=VALUE"),
        ({"id": 3}, "guarantee id 3; expected domain.slug"),
    ],
    ids=str,
)
def test_a_guarantee_that_is_none(how: dict[str, Any], told: str) -> None:
    said = refused(lambda: declared(**how))
    assert told in said
    assert said.startswith("test_one_door.py")


def test_a_guarantees_box_is_typed() -> None:
    """However it was written."""
    box = declared(box={"memory": "64M", "env": {"LANG": "C"}, "volumes": [Volume(target="/v")]}).box
    assert box == {"memory": 64 << 20, "env": (("LANG", "C"),), "volumes": (Volume(target="/v"),)}


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: weaken.drop("secomp"), "weaken.drop('secomp'): did you mean 'seccomp'?"),
        (lambda: weaken.drop("anything"), "weaken.drop('anything'): expected one of"),
        (lambda: weaken.share("pids"), "did you mean 'pid'?"),
        (lambda: weaken.join_sibling("nett"), "did you mean 'net'?"),
        (lambda: weaken.grant("SYS_ADMN"), "did you mean 'SYS_ADMIN'?"),
        (lambda: weaken.expose("tmp"), "expected a path of the host that begins with /"),
        (lambda: weaken.unlimited("cpus"), "did you mean 'cpu'?"),
        (lambda: weaken.lossy("link"), "did you mean 'links'?"),
        (lambda: Volume(target="v"), "Volume: target is 'v'"),
    ],
    ids=range(9),
)
def test_a_hole_that_is_none(make: Any, told: str) -> None:
    assert told in refused(make)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('volumes = ["data"]', "expected HOST:BOX[:MODE]"),
        ('volumes = ["/srv:/data:rx"]', "with the mode 'rx'; expected one of"),
        ('volumes = ["./srv:/data"]', "a path of the host that begins with /"),
        ('volumes = [{host = "/srv"}]', 'volumes = ["/srv/data:/data:ro"]'),
        ('ulimits = ["nofiles=1:2"]', "did you mean 'nofile'?"),
        ('ulimits = ["nofile=5:2"]', "5 is above 2"),
        ('ulimits = [{name = "nofile"}]', 'ulimits = ["nofile=1024:2048"]'),
        ('devices = ["null"]', "expected HOST[:BOX[:rwm]]"),
        ('devices = ["/dev/null:/dev/x:q"]', "expected HOST[:BOX[:rwm]]"),
        ('mounts = ["type=bind,source=a,target=/b"]', "expected a source that begins with /"),
        ('mounts = ["typ=bind"]', "did you mean 'type'?"),
        ('mounts = ["type=bnd,target=/b"]', "did you mean 'bind'?"),
        ('security_opt = ["seccomp=/no/profile.json"]', "expected unconfined, or the path of a profile in JSON"),
        ('cap_add = ["NET_ADMN"]', "did you mean 'NET_ADMIN'?"),
        ('shm_size = "lots"', "shm_size is 'lots'; expected a number of bytes"),
        ('pid_mode = "hots"', "expected host or container:NAME"),
        ('tmpfs = ["run"]', "expected a path in the box"),
        ("memmory = 3", "did you mean 'memory'?"),
        ('image = "a b"', "expected the name of an image"),
    ],
)
def test_what_docker_would_refuse_later(written: str, told: str) -> None:
    from pytest_isolation.technologies.docker import image

    def asked() -> None:
        spec = from_table("b", tomllib.loads(f'technology = "docker"\n{written}\n'))
        keywords.check_keywords(spec)
        if isinstance(spec.image, str):
            image.find(None, spec.image)  # type: ignore[arg-type]

    assert told in refused(asked)


def test_mounts_can_be_said() -> None:
    text = "type=bind,source=/etc,target=/b,readonly"
    spec = BoxSpec(technology="docker", options=(("mounts", (text,)),))
    (mount,) = keywords.user_keywords(spec)["mounts"]
    assert (mount["Type"], mount["Source"], mount["Target"], mount["ReadOnly"]) == ("bind", "/etc", "/b", True)


@pytest.mark.parametrize("name", ["chroot", "namespaces"])
def test_a_directory_that_is_not_there(tmp_path: Path, name: str) -> None:
    from pytest_isolation.technologies import technology

    spec = parse(f"{name}:image={tmp_path / 'none'}")
    assert "is no directory" in refused(lambda: technology(name).check_available(spec))
