"""A Chromium that is driven through its DevTools Protocol, over a pipe: what happens in it takes the time it takes."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions"),
    *("--disable-background-networking", "--disable-dev-shm-usage", "--remote-debugging-pipe"),
)


@dataclass(slots=True)
class Chromium:
    """https://chromedevtools.github.io/devtools-protocol/: messages are JSON, and end with a zero."""

    to: int
    """What Chromium has as descriptor 3."""
    by: int
    """What it has as 4."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    rest: bytes = b""

    def ask(self, method: str, session: str | None = None, /, **parameters: Any) -> dict[str, Any]:
        """The result of one method.  Raises RuntimeError, with Chromium's words, when it refuses."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        text = json.dumps(message).encode() + b"\0"
        while text:
            text = text[os.write(self.to, text) :]
        while True:
            told = self._message()
            if told.get("id") == number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                found: dict[str, Any] = told["result"]
                return found

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            read = os.read(self.by, 1 << 16)
            if not read:
                raise RuntimeError("Chromium ended")
            self.rest += read
        text, _, self.rest = self.rest.partition(b"\0")
        found: dict[str, Any] = json.loads(text)
        return found


def program() -> str | None:
    """Chromium's; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def _pipe() -> tuple[int, int]:
    """Two descriptors that are not in the way of 3 and 4."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]


@contextmanager
def chromium(path: str) -> Iterator[Chromium]:
    """One, with a profile of its own, that ends with the block."""
    (theirs_in, ours_out), (ours_in, theirs_out) = _pipe(), _pipe()
    with tempfile.TemporaryDirectory() as folder:
        command = ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", path, *FLAGS]
        process = subprocess.Popen(
            [*command, f"--user-data-dir={Path(folder, 'profile')}"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": folder},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        browser = Chromium(ours_out, ours_in)
        try:
            yield browser
            browser.ask("Browser.close")
        finally:
            os.close(ours_out)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(ours_in)
