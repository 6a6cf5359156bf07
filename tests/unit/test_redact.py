"""A redacted report has nothing of its owner's in it, and says the same of its boxes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import cli
from pytest_isolation.report import FORMATS, compare, renderer
from pytest_isolation.report.redact import OURS, PUBLIC, here, redacted
from pytest_isolation.report.run import Run

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = json.loads((ROOT / "tests" / "data" / "run.json").read_text())
SECRETS = [
    "/home/mallory/secret/plan.txt",
    "~/plans/secret.txt",
    "/srv/customers/acme",
    "192.168.17.42",
    "fd12:3456:789a:1::17",
    "2001:db8::17",
    "02:42:ac:11:00:02",
    "AWS_SECRET_ACCESS_KEY=abc/def+ghi",
    "ssh://mallory@builder.acme.example",
    "9f" * 32,
    "builder-acme",
]
STAY = ["/proc/1/environ", "/etc/shadow", "/dev/kvm", "127.0.0.1", "man:kill(2)", "https://docs.docker.com/engine/api/",
        "kill(48213, SIGUSR1) = 0", "O_RDONLY|O_CLOEXEC", "12:30:59", "::1", "Box::run", "6.1.0-49", "1/2"]  # fmt: skip


def said(text: str, words: tuple[str, ...] = ("builder-acme",)) -> str:
    note: str = redacted({"notes": [text]}, words)["notes"][0]
    return note


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", "open('{}', O_RDONLY) = 3", "saw {}, twice", "[{}]", 'x "{}"'])
def test_it_goes_wherever_it_stands(secret: str, around: str) -> None:
    text = said(around.format(secret))
    assert secret not in text and "mallory" not in text and "abc/def" not in text and "redacted" in text, text


@pytest.mark.parametrize("word", STAY)
def test_what_every_machine_has_stays(word: str) -> None:
    assert said(f"saw {word}.") == f"saw {word}." and said(word) == word


def test_the_same_thing_has_the_same_stand_in() -> None:
    one, other = said("/srv/a and /srv/b and /srv/a").split(" and ")[:2]
    assert one != other and said("/srv/a and /srv/b and /srv/a") == f"{one} and {other} and {one}"


def planted(value: Any, secret: str, key: str = "") -> Any:
    """`secret` in every text that a run may fill with what it saw."""
    if isinstance(value, str):
        return value if key in OURS else f"{value} {secret}"
    if isinstance(value, dict):
        return {name: inner if name in PUBLIC else planted(inner, secret, name) for name, inner in value.items()}
    return [planted(one, secret, key) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("secret", SECRETS)
def test_no_field_keeps_it(secret: str) -> None:
    document = planted(DOCUMENT, secret)
    assert json.dumps(document).count(secret) > 100
    assert secret not in json.dumps(redacted(document, ("builder-acme",)))


@pytest.mark.parametrize("name", ["five-boxes", "not-root", "docker-in-a-vm"])
def test_its_boxes_are_as_they_were(name: str) -> None:
    document = json.loads((ROOT / "reports" / f"{name}.json").read_text())
    once = redacted(document, here())
    assert redacted(once, here()) == once, "what was redacted is redacted again"
    before, after = Run.from_json(document), Run.from_json(once)
    found = compare.compare(before, after)
    assert not found.changes and not found.unpaired and found.same
    assert [(row.key, row.outcome) for row in before.results] == [(row.key, row.outcome) for row in after.results]
    for form in FORMATS:
        assert renderer(form)(after)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, out = tmp_path / "a.json", tmp_path / "b.json"
    given.write_text(json.dumps(DOCUMENT | {"notes": ["the acme-vault of /srv/acme"]}))
    assert cli.main(["redact", str(given), "--word", "acme-vault", "-o", str(out)]) == 0
    (note,) = json.loads(out.read_text())["notes"]
    assert re.fullmatch(r"the redacted-name-1 of /redacted/path-\d+", note)
    assert cli.main(["redact", str(given), "--word", "acme-vault"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())
    assert cli.main(["redact", str(tmp_path / "none.json")]) == 2
    assert "none.json: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--word", "ab"), "--word 'ab': expected 3 letters or more, or much else would go with it"),
        (("-o", "/no/such/file"), "/no/such/file: cannot be written: No such file or directory; expected a file in"),
        (("-o", "/dev/full"), "/dev/full: cannot be written: No space left on device; expected a file in"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = Path(__file__).parents[2] / "reports" / "v2-crun-runc.json"
    assert cli.main(["redact", str(report), *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"pytest-isolation redact: {said}")
    assert err.count("\n") == 1


def test_where_a_report_goes_is_taken_out() -> None:
    """As --isolation-report has it, the format before the path; what is behind :// is no path."""
    text = json.dumps(redacted({"notes": ["json:/home/me/r.json", "https://docs.docker.com/engine"]}))
    assert "/home/me" not in text and "https://docs.docker.com/engine" in text


def test_an_account_that_host_support_names_is_taken_out() -> None:
    found = redacted({"support": [{"feature": "ids.delegated", "cause": "deploy", "errno": None}]}, ("deploy",))
    assert found["support"] == [{"feature": "ids.delegated", "cause": "redacted-name-1", "errno": None}]
