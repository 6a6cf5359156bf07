"""A host that is itself in a control group, as a job of CI in a container is: its limits stay."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_isolation.boxes import cgroups, making_groups

INSIDE = """
for tree in "$@"; do
  umount "$tree"
  case $tree in
  */pids) mount -t cgroup -o pids cgroup "$tree" ;;
  */memory) mount -t cgroup -o memory cgroup "$tree" ;;
  */unified) mount -t cgroup2 cgroup2 "$tree" ;;
  esac
done
exec "$PYTHON" -m pytest -q -p no:cacheprovider --isolation --isolation-examples 2 --isolation-jobs 1 \
  --box namespaces --isolation-only cg.cannot-raise-own
"""


@pytest.fixture
def outer() -> Iterator[cgroups.Group]:
    if cgroups.mode() != "hybrid":
        pytest.skip("the trees are mounted again as a hybrid host has them")
    path = f"{cgroups.TOP}/outer-{secrets.token_hex(4)}"
    group = making_groups.create(path, cgroups.Limits())
    assert group is not None
    yield group
    cgroups.remove(path)


def test_no_limit_of_the_host_is_raised(outer: cgroups.Group, tmp_path: Path) -> None:
    """The control has the host's trees writable, and the host's own group is the top of them."""
    limits = [
        file
        for names in (("pids", "pids.max", "pids.max"), ("memory", "memory.limit_in_bytes", "memory.max"))
        if (file := outer.file(*names)) is not None
    ]
    assert limits
    before = [file.read_text() for file in limits]
    trees = [str(root) for name, root in cgroups.hierarchies().items() if name in ("pids", "memory", "unified")]
    done = subprocess.run(
        ["unshare", "--mount", "--cgroup", "sh", "-euc", INSIDE, "sh", *trees],
        cwd=tmp_path,
        env={"PYTHON": sys.executable, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tmp_path)},
        preexec_fn=lambda: outer.add(0),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert [file.read_text() for file in limits] == before
    assert "1 hold" in done.stdout, done.stdout + done.stderr
