"""An audit in a process of its own: whatever a submission does to the parsers, it does to that process only.

python -I -m pytest_isolation.inception.alone     questions on standard input, answers on standard output, a line each

That process has read no submission: it imports what an audit needs (which takes four times as long as an audit),
and forks for each question a child that has limits, answers, and ends.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import selectors
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import IO, Any

from pytest_isolation.inception.asked import AuditOptions

MEMORY = 1 << 30
"""Bytes of address space."""
CPU_S = 20
WALL_S = 60
FILE = 4 << 20
"""Bytes it may write to a file; the only one is in memory."""
ANSWER = 32 << 20
"""Bytes; a report of every rule at its most has one."""
ERROR = 200


class AuditFailed(Exception):
    """The audit of one submission did not end; the message says how."""


def audit_alone(top: Path, asked: AuditOptions, name: str) -> list[dict[str, Any]]:
    """The rows of one submission as plain data.  Raises AuditFailed when its process died or took too long."""
    question = asdict(asked) | {"top": str(top), "name": name, "day": asked.day.isoformat()}
    answer = _audit_pool().ask(question)
    if "rows" not in answer:
        limits = f"{MEMORY >> 20} MiB of memory, {CPU_S} s of processor time"
        raise AuditFailed(
            f"the audit's process ended with status {answer['status']} (it may use {limits}): {answer['error']}"
        )
    rows: list[dict[str, Any]] = answer["rows"]
    return rows


# -- this side -------------------------------------------------------------------------


class AuditPool:
    """The process that forks audits; started when first asked, and again after one that took too long."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """`rows`, or the `status` and the `error` of an audit that died.  Raises AuditFailed."""
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
        line = self._line(process.stdout)
        if not line.endswith(b"\n"):
            self.close()
            raise AuditFailed(f"the process that audits ended with status {process.returncode}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-B", "-m", "pytest_isolation.inception.alone"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/",
            start_new_session=True, bufsize=0,
        )  # fmt: skip
        return self._process

    def _line(self, stdout: IO[bytes]) -> bytes:
        """One line, or what came before the end.  Raises AuditFailed when it does not come in time."""
        end = time.monotonic() + WALL_S
        line = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n") and len(line) < ANSWER:
                if not selector.select(max(0.0, end - time.monotonic())):
                    self.close()
                    raise AuditFailed(f"the audit took more than {WALL_S} s and was ended")
                piece = os.read(stdout.fileno(), 1 << 16)
                if not piece:
                    break
                line += piece
        return bytes(line)

    def close(self) -> None:
        """End it with whatever audit is under way: they are one session, which nobody else is in."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, 9)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


_here: dict[int, AuditPool] = {}
"""By process: a forked one has its own."""


def _audit_pool() -> AuditPool:
    if os.getpid() not in _here:
        _here[os.getpid()] = AuditPool()
        atexit.register(_here[os.getpid()].close)
    return _here[os.getpid()]


# -- the other side --------------------------------------------------------------------


def limit() -> None:
    """For the rest of this process's life."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE, FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Until the questions end: whoever asks them closes the pipe, or dies and so closes it."""
    _prepare()
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(json.dumps(_forked(json.loads(line))).encode() + b"\n")
        sys.stdout.buffer.flush()


def _prepare() -> None:
    """Everything that an audit imports, before there is one."""
    import crossplane  # noqa: F401
    import dulwich.index  # noqa: F401
    import jsonschema  # noqa: F401
    import yaml  # noqa: F401

    from pytest_isolation.inception import compose, shell
    from pytest_isolation.inception.registry import every_rule

    every_rule()
    compose._schema()
    shell._parser()


def _forked(question: dict[str, Any]) -> dict[str, Any]:
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(ours)
            with open(theirs, "wb") as answer:
                _answer(question, answer)
        finally:
            os._exit(1)  # the parent reads the answer, and looks at this only where there is none
    os.close(theirs)
    with open(ours, "rb") as answer:
        told = answer.read(ANSWER)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        found: dict[str, Any] = json.loads(told)
    except ValueError:
        return {"status": status, "error": ""}
    return found


def _answer(question: dict[str, Any], answer: IO[bytes]) -> None:
    limit()
    from pytest_isolation.inception.audit import audit

    try:
        top, name = Path(question.pop("top")), question.pop("name")
        asked = replace(AuditOptions(day=date.today()), **question | {"day": date.fromisoformat(question["day"])})
        told: dict[str, Any] = {"rows": [row.to_json() for row in audit(top, asked, name=name)]}
        answer.write(json.dumps(told).encode())
    except BaseException as error:
        answer.write(json.dumps({"status": 1, "error": f"{type(error).__name__}: {error}"[:ERROR]}).encode())


if __name__ == "__main__":
    main()
