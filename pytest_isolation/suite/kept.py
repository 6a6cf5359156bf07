"""Results are kept as they come: reports that replace an older one in one step, and a partial one until then.

A run that is killed leaves `REPORT.partial` beside its report: a JSON report of the rows it had measured.  It has a
line a row, and is whole after each of them; a kill in the middle of a row's one write cuts that line and no other.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.report import renderer
from pytest_isolation.report.write import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_isolation.report.run import ResultRow, Run

UNENDED = "this run did not come to its end: these are the rows it had measured"
TAIL = "\n ]\n}\n"


def write_reports(run: Run, reports: Iterable[tuple[str, Path]]) -> list[str]:
    """Returns a line for each that could not be written; the others are."""
    unwritten = []
    for form, path in reports:
        try:
            replace_file(path, renderer(form)(run))
        except OSError as error:
            unwritten.append(
                f"the {form} report was not written: {path}: {error.strerror}; make room for it and run again"
            )
    return unwritten


class Partial:
    """The rows so far of a run that is to write `reports`; nothing where it is to write none."""

    def __init__(self, reports: Iterable[tuple[str, Path]]) -> None:
        wanted = sorted(reports, key=lambda one: one[0] != "json")
        self.path = Path(f"{wanted[0][1]}.partial") if wanted and not wanted[0][1].is_char_device() else None
        self._end = 0
        """Where the next row goes, in bytes; 0 while there is no file."""
        self._rows = 0

    @property
    def begun(self) -> bool:
        """Whether there is a file."""
        return self._end > 0

    def begin(self, run: Run) -> None:
        """All that is known now, rows included; `run` is of this moment."""
        if self.path is None:
            return
        unended = replace(run, notes=(*run.notes, UNENDED), run=replace(run.run, exit=2, missing=0, unmet=0)).to_json()
        rows = [_line(row) for row in unended.pop("results")]
        head = json.dumps(unended, indent=1, ensure_ascii=False).removesuffix("\n}") + ',\n "results": ['
        text = head + ",".join(rows)
        try:
            replace_file(self.path, text + TAIL)
            self._end, self._rows = len(text.encode("utf-8", "backslashreplace")), len(rows)
        except OSError:
            self._end = 0  # the reports themselves will say it, if it is still so

    def add(self, row: ResultRow) -> None:
        """One more, in one write; where there is no room for it, the file is as it was before."""
        if self.path is None or not self.begun:
            return
        text = ("," if self._rows else "") + _line(row.to_json())
        data = text.encode("utf-8", "backslashreplace")
        tail = TAIL.encode()
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            self._end = 0
            return
        try:
            written = os.pwrite(file, data + tail, self._end)
        except OSError:
            written = 0
        if written == len(data) + len(tail):
            self._end += len(data)
            self._rows += 1
        else:
            with suppress(OSError):
                os.pwrite(file, tail, self._end)  # over blocks that it has
                os.ftruncate(file, self._end + len(tail))
        os.close(file)

    def remove(self) -> None:
        """The reports are written: nothing is partial any more."""
        if self.path is not None and self.begun:
            self.path.unlink(missing_ok=True)


def _line(row: dict[str, Any]) -> str:
    return "\n  " + json.dumps(row, ensure_ascii=False)
