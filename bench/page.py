"""The HTML report of sixteen boxes and all guarantees, in Chromium: how long until a typed filter shows its rows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.chromium import Chromium, chromium, program
from bench.series import Series
from pytest_isolation.report.html import render
from tests.page.heavy import heavy

DEVICES = {"desk": (1440, 900, 1), "phone, its processor four times slower": (390, 844, 4)}
"""Name -> width, height, and how much slower than this machine."""
TYPED = ("r", "ra", "raw")
WAITING = """
window.measured = new Promise((done) => addEventListener("DOMContentLoaded", () => {
  const painted = () => new Promise((then) => requestAnimationFrame(() => setTimeout(then, 0)));
  (async () => {
    await painted();
    const told = {ready: performance.now(), typed: []};
    const find = document.getElementById("find");
    find.scrollIntoView();
    for (const text of %s) {
      const began = performance.now();
      find.value = text;
      find.dispatchEvent(new Event("input", {bubbles: true}));
      await painted();
      told.typed.push(performance.now() - began);
      told.interactive ??= performance.now();
      told.lines = document.querySelectorAll("tr.line:not([hidden])").length;
    }
    done(told);
  })();
}));
"""
"""In the page, before its own script: times of performance.now(), which begin with the navigation."""


def page(rounds: int) -> list[Series]:
    """Nothing where there is no Chromium."""
    path = program()
    if path is None:
        print("page: not measured: there is no chromium here; dev/setup installs it on Debian", flush=True)
        return []
    run = heavy()
    text = render(run)
    of = {"boxes": str(len(run.boxes))}
    print(f"page: {len(run.boxes)} boxes, {len(run.guarantees)} guarantees", flush=True)
    found = [Series("page.size", "MB", [len(text.encode()) / 1e6], of)]
    with tempfile.TemporaryDirectory() as folder, chromium(path) as browser:
        file = Path(folder, "page.html")
        file.write_text(text, encoding="utf-8")
        for device in DEVICES:
            told = [opened(browser, file.as_uri(), device) for _ in range(rounds + 1)][1:]  # the first warms it up
            on = of | {"device": device}
            found += [
                Series("page.ready", "ms", [one["ready"] for one in told], on),
                Series("page.filter", "ms", [max(one["typed"]) for one in told], on),
                Series("page.interactive", "ms", [one["interactive"] for one in told], on),
                Series("page.processor", "ms", [one["processor"] for one in told], on),
            ]
    return found


def opened(browser: Chromium, address: str, device: str) -> dict[str, Any]:
    """{"ready", "typed", "interactive", "lines", "processor"} of a page that is opened anew."""
    width, height, slower = DEVICES[device]
    target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
    session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    try:
        browser.ask("Page.enable", session)
        browser.ask(
            "Emulation.setDeviceMetricsOverride",
            session,
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        browser.ask("Emulation.setCPUThrottlingRate", session, rate=slower)
        browser.ask("Page.addScriptToEvaluateOnNewDocument", session, source=WAITING % list(TYPED))
        before = processor_ms(browser)
        browser.ask("Page.navigate", session, url=address)
        said = browser.ask("Runtime.evaluate", session, expression="measured", awaitPromise=True, returnByValue=True)
        told: dict[str, Any] = said["result"].get("value") or {}
        if not told.get("lines"):
            raise RuntimeError(f"page on {device}: {said}; expected some lines with {TYPED[-1]!r}")
        return told | {"processor": processor_ms(browser) - before}
    finally:
        browser.ask("Target.closeTarget", targetId=target)


def processor_ms(browser: Chromium) -> float:
    """What all of Chromium's processes that are there have used: a busy machine makes it little longer."""
    found = browser.ask("SystemInfo.getProcessInfo")["processInfo"]
    return 1e3 * sum(float(one["cpuTime"]) for one in found)
