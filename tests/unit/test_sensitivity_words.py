"""The words of runc.toml: one change of a configuration each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sensitivity_started import as_recorded, changed

CONFIG: dict[str, Any] = {
    "process": {"user": {"uid": 0}},
    "linux": {"namespaces": [{"type": "pid"}, {"type": "network", "path": "/x"}]},
}


@pytest.mark.parametrize(
    ("word", "path", "value"),
    [
        ("process.user.uid=1000", ("process", "user", "uid"), 1000),
        ("process.noNewPrivileges=false", ("process", "noNewPrivileges"), False),
        ('linux.namespaces-={"type": "network"}', ("linux", "namespaces"), [{"type": "pid"}]),
        ('linux.maskedPaths+="/proc/keys"', ("linux", "maskedPaths"), ["/proc/keys"]),
        ('hostname="a=b"', ("hostname",), "a=b"),
    ],
)
def test_a_word_is_one_change(word: str, path: tuple[str, ...], value: object) -> None:
    found: Any = changed(CONFIG, [word])
    for key in path:
        found = found[key]
    assert found == value
    assert CONFIG["process"] == {"user": {"uid": 0}}


def test_what_is_no_word_is_said() -> None:
    with pytest.raises(ValueError, match=r"'process'; expected PATH=JSON"):
        changed(CONFIG, ["process"])


def test_the_limits_of_a_configuration_as_an_engine_records_them() -> None:
    words = ["linux.resources.memory.limit=64", "linux.resources.cpu.quota=50", "process.oomScoreAdj=5"]
    found = as_recorded(changed(CONFIG, words))
    assert (found["Memory"], found["CpuQuota"], found["OomScoreAdj"], found["PidsLimit"]) == (64, 50, 5, None)
    assert found["BlkioDeviceReadBps"] == []
