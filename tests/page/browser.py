"""A real Chromium, without a driver: what a page says after a script of the test ran in it, and pictures of it."""

from __future__ import annotations

import html
import json
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import REQUIRED

SECONDS = 120


def program() -> str:
    """Chromium's; skips the test where there is none, fails it where CI says that there must be."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and "chromium" not in REQUIRED:
        pytest.skip("there is no chromium here; dev/setup installs it on Debian")
    assert found is not None, "chromium was required, and is not there"
    return found


def _run(folder: Path, page: Path, *options: str, dark: bool = False) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [
            program(),
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"),
            *("--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-dev-shm-usage"),
            f"--user-data-dir={folder / 'profile'}",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=os.environ | {"HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    assert console == [], "the page wrote to the console"
    return done


def asked(folder: Path, text: str, script: str, *, width: int = 1440, dark: bool = False) -> Any:
    """What `script`, the body of a function, returns in the page `text`, as JSON has it."""
    told = (
        "<script>addEventListener('load', () => setTimeout(async () => {"
        f"let told; try {{ told = await (async () => {{ {script} }})(); }}"
        "catch (error) { told = {error: `${error}`}; }"
        "const out = document.createElement('pre'); out.id = 'told'; out.textContent = JSON.stringify(told);"
        "document.body.replaceChildren(out); }, 50));</script>"
    )
    page = folder / "asked.html"
    page.write_text(text.replace("</body>", f"{told}</body>"))
    done = _run(folder, page, f"--window-size={width},900", "--virtual-time-budget=5000", "--dump-dom", dark=dark)
    found = done.stdout.partition('<pre id="told">')[2].partition("</pre>")[0]
    assert found, f"the page's script did not run: {done.stdout[:2000]}"
    return json.loads(html.unescape(found))


def picture(folder: Path, text: str, path: Path, *, width: int, dark: bool) -> tuple[int, int]:
    """A PNG of the page, at `path`; its width and height."""
    page = folder / "page.html"
    page.write_text(text)
    _run(folder, page, f"--window-size={width},1600", f"--screenshot={path}", dark=dark)
    wide, high = struct.unpack(">II", path.read_bytes()[16:24])
    return wide, high
