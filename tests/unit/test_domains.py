"""One record for each domain, and nothing else that lists them."""

from __future__ import annotations

import os
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees.domains import Domain, checks_directory, domains, made, read, rests_on, title_of
from pytest_isolation.inception import contained
from pytest_isolation.suite import collect
from pytest_isolation.suite.collect import built_in_guarantees, check_files
from pytest_isolation.technologies.attach import likeness
from tests.support import built_in_checks

GOOD: dict[str, Any] = {"title": "keys", "order": 1, "attached": True, "parity": {"session keyring": ["key.*"]}}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"title": None}, "checks/key/domain.toml has no title; expected title ="),
        ({"parity": None}, "checks/key/domain.toml has no parity; expected title ="),
        ({"order": "1"}, "order = '1'; expected title ="),
        ({"attached": 1}, "attached = 1; expected title ="),
        ({"alone": "yes"}, "alone = 'yes'; expected title ="),
        ({"titel": "keys"}, "the key 'titel' is not known; expected title, order"),
        ({"name": "keys"}, "the key 'name' is not known"),
        (
            {"parity": {"umask": ["mnt.*"]}},
            "parity: umask = ['mnt.*']; expected ids of the domain, such as",
        ),
        ({"parity": {"umask": "key.*"}}, "parity: umask = 'key.*'; expected ids of the domain"),
    ],
    ids=str,
)
def test_a_wrong_record(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as told:
        made("key", {key: value for key, value in (GOOD | changed).items() if value is not None})
    assert said in str(told.value)


def test_a_domain_without_a_record(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(UsageError, match=r"checks/key has no domain\.toml; add one with title = .*, order = 10,"):
        read(tmp_path)
    (tmp_path / "key" / "domain.toml").write_text("title")
    with pytest.raises(UsageError, match=r"checks/key/domain\.toml: cannot be read as TOML"):
        read(tmp_path)


def test_domains_stand_in_their_order(tmp_path: Path) -> None:
    for name, order in (("a", 2), ("b", 1), ("__pycache__", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "domain.toml").write_text(f'title = "x"\norder = {order}\nattached = false\n[parity]\n')
    assert list(read(tmp_path)) == ["b", "a"]
    found = list(dict.fromkeys(path.relative_to(checks_directory()).parts[0] for path in check_files()))
    assert found == [name for name in domains() if name in found]


def test_two_domains_with_one_order(tmp_path: Path) -> None:
    for name in ("key", "lock"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "domain.toml").write_text('title = "x"\norder = 100\nattached = false\n[parity]\n')
    said = r"checks/lock/domain\.toml: order = 100, which checks/key has already; expected one of its own, such as 110"
    with pytest.raises(UsageError, match=said):
        read(tmp_path)


def test_a_guarantee_in_the_directory_of_another_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    first = built_in_guarantees()[0]
    other = replace(first, id="key.moved")
    monkeypatch.setattr(collect, "_declared", lambda modules: {other.id: other})
    with pytest.raises(UsageError, match=r"key\.moved is of domain key, and its file is in checks/pid; move the file"):
        built_in_guarantees()


def test_what_must_be_alike_is_something_that_is_looked_at() -> None:
    """And the guarantees that rest on it are there."""
    seen = {*likeness.view(os.getpid()), likeness.KEYRING}
    for domain in domains().values():
        assert set(domain.parity) <= seen, domain.name
        ids = [promise.id for promise in built_in_guarantees() if promise.domain == domain.name]
        for pattern in (one for ids_ in domain.parity.values() for one in ids_):
            assert any(fnmatchcase(id, pattern) for id in ids) or not ids, pattern


def test_a_property_that_no_domain_names_is_everybodys() -> None:
    assert rests_on("umask") == ("mnt.*", "port.*")
    assert rests_on("LSM label") == ("*",)
    assert rests_on(likeness.KEYRING) == ("key.*",)


def test_a_title() -> None:
    assert title_of("pid") == "pid: processes"
    assert title_of("policy") == "policy"


def test_what_the_audit_sums_up() -> None:
    found = {rule: domain.name for rule, domain in contained.measured().items()}
    assert found == {"I10": "pid", "I11": "mnt", "I12": "net", "I13": "cg", "I14": "dev"}
    assert set(found) <= set(contained.WHY)


def test_a_record_is_a_value() -> None:
    assert made("key", GOOD) == Domain(
        name="key", title="keys", order=1, attached=True, parity={"session keyring": ("key.*",)}
    )


def test_nothing_is_taken_of_a_machine_for_a_box_that_is_not_ours_unless_its_owner_says_so() -> None:
    """What everybody's number is used up by a check, the neighbours of the owner's box have not, for a moment."""
    assert [promise.id for promise, _ in built_in_checks() if promise.domain == "dos" and not promise.intrusive] == []
