"""The options that measure no box: what there is here, what its kernel can do, removing what a killed run left."""

from __future__ import annotations

import errno
import shutil
import sys
import time
from collections import Counter
from importlib.metadata import version
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from pytest_isolation.boxes.lifetime import Lifetime, check_room
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.report import terminal
from pytest_isolation.report.run import Run, ToolFacts
from pytest_isolation.stdout import is_terminal, say
from pytest_isolation.suite.boxes import choose
from pytest_isolation.suite.collect import all_guarantees
from pytest_isolation.suite.interrupts import ended_by_signals
from pytest_isolation.suite.kept import write_reports
from pytest_isolation.suite.rows import host_facts, run_facts
from pytest_isolation.suite.support import failing, of_image, of_this_host
from pytest_isolation.technologies.clean import Cleaned, clean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pytest_isolation.options.config import RunConfig


def answer(asked: RunConfig) -> int:
    """Print what was asked for; returns the exit status."""
    try:
        with ended_by_signals():
            if asked.clean:
                return _clean(asked.forget)
            if asked.host:
                return _host(asked)
            say("".join(f"{line}\n" for line in listing(asked)))
            return 0
    except KeyboardInterrupt:
        print("interrupted: nothing more was looked at", file=sys.stderr)
        return int(pytest.ExitCode.INTERRUPTED)
    except OSError as error:
        limit = "; raise the limit, for example by ulimit -n 1024" if error.errno == errno.EMFILE else ""
        raise BoxError(f"this machine does not let it be found out: {error}{limit}") from None


def listing(asked: RunConfig) -> list[str]:
    """What --isolation-list prints, line by line; nothing is started for it."""
    lines, chosen = ["boxes"], choose(asked)
    width = max([14, *(len(one.spec.name) for one in chosen)])
    for one in chosen:
        spec = one.spec
        if one.available:
            lines.append(f"  {spec.name:<{width}} available    {one.facts.get('version') or ''}".rstrip())
        else:
            lines.append(f"  {spec.name:<{width}} unavailable  {one.reason}")
            if one.remedy:
                lines.append(f"  {'':<{width}}   to do:     {one.remedy}")
    known = list(all_guarantees())
    asked.check_only(promise.id for promise in known)
    promises = [promise for promise in known if asked.wants(promise.id)]
    lines += ["", f"guarantees ({len(promises)})"]
    for promise in promises:
        falsifier = ", ".join(sorted(map(str, promise.falsified_by)))
        lines.append(f"  {promise.id:<34} {promise.claim}")
        lines.append(f"  {'':<34}   falsified by {falsifier}; {promise.kind}; {promise.oracle}")
    return lines


def _host(asked: RunConfig) -> int:
    """Exit status 1 when a required technology cannot run, or a report cannot be written."""
    started = time.time()
    check_room()
    clean()
    lifetime = Lifetime()
    failed: list[str] = []
    try:
        _tell("trying what this kernel can do")
        support, technologies = of_this_host(lifetime)
        for path in asked.kernels:
            _tell(f"booting {path} in a VM and trying the same there: about half a minute, longer without KVM")
            try:
                more = of_image(path, lifetime)
            except Unavailable as error:
                failed.append(str(error).replace("kernel=", "--isolation-kernel ", 1))
                continue
            except BoxError as error:
                failed.append(str(error))
                continue
            support, technologies = support + more[0], technologies + more[1]
    finally:
        lifetime.close()
    notes = failed + failing(technologies, asked.require)
    run = Run(
        tool=ToolFacts(version=version("pytest-isolation")),
        run=run_facts(lifetime.run_id, started, None, 1 if notes else 0),
        host=host_facts(),
        support=support,
        technologies=technologies,
        notes=tuple(notes),
    )
    unwritten = write_reports(run, asked.reports)
    text = terminal.render(run, width=min(shutil.get_terminal_size().columns, 120), color=is_terminal())
    say("".join(f"{line}\n" for line in (text, *unwritten)))
    return 1 if notes or unwritten else 0


def _kept_by_daemons(kept: Sequence[Cleaned]) -> Iterator[str]:
    """One paragraph for each daemon and reason: a daemon that is gone keeps all that it had."""
    for (daemon, outcome), ones in groupby(sorted(kept, key=_why_kept), key=_why_kept):
        things = Counter(one.kind for one in ones)
        said = ", ".join(f"{number} {kind}" for kind, number in sorted(things.items()))
        yield f"{outcome}: {said}"
        yield f"    gone for good, with its data? pytest --isolation-clean --isolation-forget {daemon}"


def _why_kept(one: Cleaned) -> tuple[str, str]:
    return one.daemon, one.outcome


def _tell(says: str) -> None:
    """What takes its time; apart from the answer, which is on standard output."""
    print(f"{says} ...", file=sys.stderr, flush=True)


def _clean(forgotten: Collection[str]) -> int:
    """Exit status 1 when something of a dead run had to be kept."""
    done = clean(forgotten)
    kept = [one for one in done if one.outcome.startswith("kept")]
    of_daemons = [one for one in kept if one.daemon]
    for one in done:
        if one not in of_daemons:
            say(f"{one.outcome:<9} {one.kind:<12} {one.handle}  (run {one.run})\n")
    for line in _kept_by_daemons(of_daemons):
        say(f"{line}\n")
    unknown = [address for address in forgotten if all(one.daemon != address for one in done)]
    for address in unknown:
        known = sorted({one.daemon for one in of_daemons})
        expected = f"expected {' or '.join(known)}" if known else "nothing of any daemon was left; leave it out"
        say(f"--isolation-forget {address!r}: no dead run left anything with a daemon there; {expected}\n")
    removed = sum(one.outcome == "removed" for one in done)
    say(f"{removed} removed, {len(kept)} kept\n")
    return 1 if kept or unknown else 0
