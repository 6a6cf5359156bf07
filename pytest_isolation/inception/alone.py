"""An audit in a process of its own: whatever a submission does to the parsers, it does to that process only.

python -I -m pytest_isolation.inception.alone     a question on standard input, rows on standard output
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

from pytest_isolation.inception.asked import Asked

MEMORY = 1 << 30
"""Bytes of address space."""
CPU_S = 20
WALL_S = 60
FILE = 4 << 20
"""Bytes it may write to a file; the only one is in memory."""


class AuditFailed(Exception):
    """The audit of one submission did not end; the message says how."""


def audit_alone(top: Path, asked: Asked, name: str) -> list[dict[str, Any]]:
    """The rows of one submission as plain data.  Raises AuditFailed when its process died or took too long."""
    question = asdict(asked) | {"top": str(top), "name": name, "day": asked.day.isoformat()}
    command = [sys.executable, "-I", "-B", "-m", "pytest_isolation.inception.alone"]
    try:
        done = subprocess.run(
            command, input=json.dumps(question).encode(), capture_output=True, timeout=WALL_S, cwd="/", check=False
        )
    except subprocess.TimeoutExpired:
        raise AuditFailed(f"the audit took more than {WALL_S} s and was ended") from None
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        limits = f"{MEMORY >> 20} MiB of memory, {CPU_S} s of processor time"
        raise AuditFailed(f"the audit's process ended with status {done.returncode} (it may use {limits}): {last}")
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def limit() -> None:
    """For the rest of this process's life."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE, FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    limit()
    from pytest_isolation.inception.audit import audit

    question = json.load(sys.stdin)
    top, name = Path(question.pop("top")), question.pop("name")
    asked = replace(Asked(day=date.today()), **question | {"day": date.fromisoformat(question["day"])})
    json.dump([row.to_json() for row in audit(top, asked, name=name)], sys.stdout)


if __name__ == "__main__":
    main()
