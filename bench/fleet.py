"""`pytest-isolation merge` of thousands of reports: real ones, replicated under the names of hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.series import Series

REPORTS = Path(__file__).parents[1] / "reports"
REAL = ("v2-crun-runc", "v2-namespaces-docker", "docker-in-a-vm")
VARIANTS = 20
"""Files that differ from their original, so that there is something to find; the hosts' are links to them."""


def fleet(rounds: int, hosts: Sequence[int] = (1_000, 10_000)) -> list[Series]:
    found = []
    for number in hosts:
        seconds, memory = [], []
        with tempfile.TemporaryDirectory() as place:
            replicate(Path(place), number)
            for _ in range(rounds):
                took, most = merged(Path(place))
                seconds.append(took)
                memory.append(most)
        found.append(Series("merge", "s", seconds, {"hosts": str(number)}))
        found.append(Series("merge.memory", "MiB", memory, {"hosts": str(number)}))
    return found


def replicate(place: Path, hosts: int) -> None:
    """`hosts` files in `place`/hosts: each variant of a real report under many names."""
    (place / "variants").mkdir()
    (place / "hosts").mkdir()
    variants = []
    for name in REAL:
        document: dict[str, Any] = json.loads((REPORTS / f"{name}.json").read_text())
        for number in range(VARIANTS):
            if number:
                document["host"]["kernel"] = f"6.12.{number}"
                row = document["results"][number]
                row["verdict"] = "violated" if row["verdict"] == "holds" else "holds"
            path = place / "variants" / f"{name}-{number}.json"
            path.write_text(json.dumps(document, indent=1))
            variants.append(path)
    for number in range(hosts):
        os.link(variants[number % len(variants)], place / "hosts" / f"host-{number:05}.json")


def merged(place: Path) -> tuple[float, float]:
    """(seconds, the most memory in MiB) of a merge in a process of its own."""
    out = place / "merged.json"
    program = (
        "import resource, sys; from pytest_isolation.cli import main; main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, "merge", str(place / "hosts"), "-o", str(out)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return time.perf_counter() - began, int(done.stderr.split()[-1]) / 1024
