"""A baseline that names what does not exist accepts nothing: it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees import expect

KNOWN = ("pid.signal-out-refused", "pid.init-is-one", "mnt.tmp-private")


def _loaded(tmp_path: Path, guarantee: str) -> expect.Baseline:
    (tmp_path / "known.toml").write_text(f'[[violation]]\nbox = "host"\nguarantee = "{guarantee}"\n')
    return expect.load("known.toml", tmp_path)


def test_ids_that_exist(tmp_path: Path) -> None:
    _loaded(tmp_path, "pid.init-is-one").check_ids(KNOWN)


@pytest.mark.parametrize(
    ("guarantee", "told"),
    [
        ("pid.sginal-out-refused", "is no guarantee; did you mean 'pid.signal-out-refused'?"),
        ("pid.*", "is a pattern; expected one guarantee in each entry: pid.init-is-one, pid.signal-out-refused"),
        ("zzz", "is no guarantee; `pytest --isolation-list` shows all 3"),
    ],
)
def test_ids_that_do_not(tmp_path: Path, guarantee: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        _loaded(tmp_path, guarantee).check_ids(KNOWN)
    assert f"--isolation-expect 'known.toml': {guarantee!r} {told}" in str(caught.value)
