"""The page of rows that other tools confirm: each technology has ten of who a process is and what it may ask."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "by-hand.md"
HALF = (
    "sec", "cap", "nnp", "user", "uts", "time", "ipc", "key", "fd", "env", "rlimit", "dev", "proc", "leak", "exec",
)  # fmt: skip
TECHNOLOGIES = {"docker", "gvisor", "podman", "lxc", "nspawn", "bubblewrap", "qemu"}
FEWEST = 10


def test_ten_rows_of_each_are_confirmed() -> None:
    confirmed: Counter[str] = Counter()
    for part in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        name, _, table = part.partition("\n")
        rows = re.findall(r"^\| `(\w+)\.[\w-]+` \| (\w+) \| .* \| (yes|no|cannot tell) \|$", table, re.MULTILINE)
        assert not [row for row in rows if row[2] == "no"], f"{name}: a row and a tool differ"
        confirmed[name.split()[0]] = sum(domain in HALF and agree == "yes" for domain, _, agree in rows)
    assert confirmed.keys() == TECHNOLOGIES
    assert {name: count for name, count in confirmed.items() if count < FEWEST} == {}
