"""How long a box takes from asking for it to its agent's hello, and to its end."""

from __future__ import annotations

import time

from bench.series import Series
from bench.sides import available
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.pool import Pool


def starts(rounds: int) -> list[Series]:
    begun: dict[str, list[float]] = {}
    ended: dict[str, list[float]] = {}
    boxes = available()
    lifetime = Lifetime()
    pool = Pool(lifetime)
    try:
        for number in range(rounds + 1):
            for name in boxes:
                if number > 3 and technology(name).start_ms >= 1000:
                    continue
                started = time.perf_counter()
                box = pool.launch(BoxSpec(technology=name))
                alive = time.perf_counter()
                box.close()
                if number:  # the first makes the image
                    begun.setdefault(name, []).append((alive - started) * 1e3)
                    ended.setdefault(name, []).append((time.perf_counter() - alive) * 1e3)
    finally:
        pool.close()
        lifetime.close()
    found = [Series("box.start", "ms", values, {"box": name}) for name, values in begun.items()]
    return found + [Series("box.end", "ms", values, {"box": name}) for name, values in ended.items()]
