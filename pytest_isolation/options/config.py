"""The command line and pyproject.toml as one frozen value.  Every usage error of an option is raised here."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.words import PROOF, choice, nearest
from pytest_isolation.door import Door
from pytest_isolation.errors import UsageError
from pytest_isolation.report import FORMATS
from pytest_isolation.report.write import check_writable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pytest

    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.guarantees.expect import Baseline
    from pytest_isolation.guarantees.profiles import Profile
    from pytest_isolation.report.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What the user asked for."""

    enabled: bool = False
    """--isolation, or one of the options that measure no box (list, clean, host)."""
    boxes: tuple[BoxSpec, ...] = ()
    """Empty: a box of every technology there is, those that cannot run here with their reason."""
    only: tuple[str, ...] = ()
    """Globs over guarantee ids; empty: all."""
    reports: tuple[tuple[str, Path], ...] = ()
    """(format, absolute path)"""
    require: tuple[str, ...] = ()
    """Names of boxes whose absence is a failure."""
    require_proof: bool = False
    """Rows that hold unproven fail."""
    profile: Profile | None = None
    """None: each technology's own claims."""
    expect: Baseline | None = None
    examples: int | None = None
    """None: by the kind of each guarantee."""
    since: Run | None = None
    """An earlier run: what it measured, and nothing of which has changed, is not measured again."""
    jobs: int | None = None
    """Processes that measure; None: twice as many as there are processors."""
    prove: bool = False
    depth: bool = False
    """On how many layers rests what holds."""
    flow: int | None = None
    """What flows between the sides of a box, searched for so many seconds; None: not searched."""
    why: tuple[str, ...] = ()
    """Globs over guarantee ids: which layer refuses, of those that hold by refusal."""
    costs: int | None = None
    """What each box costs, with so many boxes of one at a time at most; None: not measured."""
    versions: tuple[Path, Path] | None = None
    """Two versions of one static program, to be tried side by side; with `costs` alone."""
    pairs: bool = False
    """Every two boxes beside each other."""
    list: bool = False
    clean: bool = False
    forget: tuple[str, ...] = ()
    """Addresses of daemons that are gone for good: with `clean`."""
    host: bool = False
    """Host support only: no box is started."""
    no_host: bool = False
    """No host support in the reports of a measurement."""
    kernels: tuple[str, ...] = ()
    """Paths of kernel images to try beside the running one."""

    @property
    def measures_further(self) -> bool:
        """Whether something is measured after all rows."""
        return self.costs is not None or self.depth or self.flow is not None or bool(self.why)

    def wants(self, guarantee: str) -> bool:
        """Whether --isolation-only lets this guarantee through."""
        return not self.only or any(fnmatchcase(guarantee, glob) for glob in self.only)

    def check_only(self, known: Iterable[str]) -> None:
        """Raises UsageError when a glob of --isolation-only or --isolation-why fits no guarantee there is."""
        known = sorted(known)
        for option, globs in (("--isolation-only", self.only), ("--isolation-why", self.why)):
            for glob in globs:
                if not any(fnmatchcase(guarantee, glob) for guarantee in known):
                    raise UsageError(f"{option} {glob!r}: no guarantee has such an id; {nearest(glob, known)}")


def resolve(config: pytest.Config, *, others_measure: bool = False) -> RunConfig:
    """Raises UsageError for every mistake, before anything is started.

    `others_measure`: another plugin makes rows of its own in this run.
    """
    return from_options(
        vars(config.option), rootdir=config.rootpath, base=config.invocation_params.dir, others_measure=others_measure
    )


def from_options(options: Mapping[str, Any], *, rootdir: Path, base: Path, others_measure: bool = False) -> RunConfig:
    """As `resolve`, from plain values: argparse's names without pytest.

    `rootdir` holds pyproject.toml, `base` is what paths are relative to.
    """
    kernels = _kernels(options.get("isolation_kernel") or (), base)
    host = bool(options.get("isolation_host")) or bool(kernels)
    boxes = boxes_of(options.get("isolation_boxes") or (), rootdir)
    enabled = any(options.get(name) for name in ("isolation", "isolation_list", "isolation_clean")) or host
    asked = RunConfig(
        enabled=enabled,
        boxes=boxes,
        only=words("--isolation-only", options.get("isolation_only"), "a glob over guarantee ids, for example pid.*"),
        reports=reports(options.get("isolation_reports") or (), base),
        **_require(options.get("isolation_require"), boxes, host=host),
        profile=_profile(options.get("isolation_profile"), options.get("isolation_ask"), base),
        expect=_expect(options.get("isolation_expect"), base),
        examples=_examples(options.get("isolation_examples")),
        since=since(options.get("isolation_since"), base),
        jobs=_jobs(options.get("isolation_jobs")),
        prove=bool(options.get("isolation_prove")),
        depth=bool(options.get("isolation_depth")),
        flow=_flow(options.get("isolation_flow"), options.get("isolation_flow_seconds")),
        why=words("--isolation-why", options.get("isolation_why"), "a glob over guarantee ids, for example sec.*"),
        costs=_costs(options.get("isolation_costs"), options.get("isolation_costs_boxes")),
        versions=_versions(options.get("isolation_versions"), options.get("isolation_costs"), base),
        pairs=bool(options.get("isolation_pairs")) or not options.get("isolation_boxes"),
        list=bool(options.get("isolation_list")),
        clean=bool(options.get("isolation_clean")),
        forget=tuple(options.get("isolation_forget") or ()),
        host=host,
        no_host=bool(options.get("isolation_no_host")),
        kernels=kernels,
    )
    _check_measures(options, enabled or others_measure)
    return asked


MEASURING = {
    "isolation_only": "--isolation-only",
    "isolation_reports": "--isolation-report",
    "isolation_profile": "--isolation-profile",
    "isolation_ask": "--isolation-ask",
    "isolation_expect": "--isolation-expect",
    "isolation_examples": "--isolation-examples",
    "isolation_since": "--isolation-since",
    "isolation_jobs": "--isolation-jobs",
    "isolation_prove": "--isolation-prove",
    "isolation_depth": "--isolation-depth",
    "isolation_flow": "--isolation-flow",
    "isolation_why": "--isolation-why",
    "isolation_costs": "--isolation-costs",
    "isolation_pairs": "--isolation-pairs",
    "isolation_no_host": "--isolation-no-host",
}
"""What means nothing unless something is measured; --box and --isolation-require are the fixtures', too."""
ANSWERS = {
    "isolation_list": ("--isolation-list", ("isolation_only",)),
    "isolation_clean": ("--isolation-clean", ()),
    "isolation_host": ("--isolation-host", ("isolation_reports", "isolation_require")),
    "isolation_kernel": ("--isolation-kernel", ("isolation_reports", "isolation_require")),
}
"""What measures no box, and which of the options for a measurement mean something with it."""


def _check_measures(options: Mapping[str, Any], measures: bool) -> None:
    """Raises UsageError for an option that would be passed over in silence."""
    if options.get("isolation_forget") and not options.get("isolation_clean"):
        raise UsageError("--isolation-forget is given without --isolation-clean, which alone forgets; add it")
    for answer, (option, heeded) in ANSWERS.items():
        for name, other in {**MEASURING, "isolation_require": "--isolation-require"}.items():
            if options.get(answer) and options.get(name) and name not in heeded:
                raise UsageError(f"{other} is given with {option}, which measures no box; leave one of the two out")
    for name, option in MEASURING.items():
        if options.get(name) and not measures:
            raise UsageError(f"{option} is given without --isolation, so nothing would be measured; add --isolation")


def boxes_of(texts: Iterable[str], rootdir: Path) -> tuple[BoxSpec, ...]:
    """What each --box says: a spec, or the name of a table in the pyproject.toml of `rootdir`.  Raises UsageError."""
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.options.boxes import from_table, parse, project_tables
    from pytest_isolation.technologies import names

    tables = project_tables(rootdir)
    if not texts:
        if not tables:
            return ()
        others = [BoxSpec(technology=name, door=Door.BOTH) for name in names() if name not in tables]
        return _distinct([*others, *(_full(from_table(name, table), table) for name, table in tables.items())])
    found = []
    for text in texts:
        if text in tables:
            found.append(from_table(text, tables[text]))
            continue
        try:
            found.append(parse(text))
        except UsageError as error:
            if tables and re.match(r"[\w.-]*", text, re.ASCII)[0] not in names():  # type: ignore[index]
                raise UsageError(f"{error}; pyproject.toml has the boxes {', '.join(sorted(tables))}") from None
            raise
    return _distinct(found)


def _full(spec: BoxSpec, table: Mapping[str, Any]) -> BoxSpec:
    """As a full run measures it: through both doors, unless the table names one."""
    return spec if "door" in table else replace(spec, door=Door.BOTH)


def _kernels(given: Iterable[str], base: Path) -> tuple[str, ...]:
    """Each once.  What is no kernel image is found out when its turn comes: the others' results are kept."""
    found: dict[str, str] = {}
    for text in given:
        path = os.path.abspath(base / text)
        found.setdefault(os.path.realpath(path), path)
    return tuple(found.values())


def _distinct(boxes: list[BoxSpec]) -> tuple[BoxSpec, ...]:
    seen: set[str] = set()
    for box in boxes:
        if box.name in seen:
            raise UsageError(
                f"two boxes are called {box.name!r}; give each a name of its own, for example "
                f"--box {box.name}-2={box.technology}:..."
            )
        seen.add(box.name)
    return tuple(boxes)


def words(option: str, given: Iterable[str] | None, expected: str) -> tuple[str, ...]:
    """A comma-separated list, repeatable.  Raises UsageError."""
    found = [word.strip() for text in given or () for word in text.split(",")]
    if not all(found):
        raise UsageError(f"{option} {','.join(found)!r}: an element is empty; expected {expected}")
    return tuple(dict.fromkeys(found))


def _require(given: Iterable[str] | None, boxes: tuple[BoxSpec, ...], *, host: bool) -> dict[str, Any]:
    """`require` and `require_proof`.  A box that is called `proof` is that box."""
    from pytest_isolation.technologies import names

    wanted = words("--isolation-require", given, "names of boxes, for example docker,qemu")
    known = tuple(box.name for box in boxes) or names()
    if host and wanted:
        from pytest_isolation.support.technologies import technologies

        known = tuple(one.name for one in technologies())
    proof = PROOF in wanted and PROOF not in known and not host
    wanted = tuple(name for name in wanted if not (proof and name == PROOF))
    for name in wanted:
        if name not in known:
            what = "host support knows no such technology" if host else "this run has no box of that name"
            raise UsageError(f"--isolation-require {name!r}: {what}; {choice(name, known)}")
    return {"require": wanted, "require_proof": proof}


def reports(given: Iterable[str], base: Path) -> tuple[tuple[str, Path], ...]:
    """(format, path) of each FORMAT:PATH.  Raises UsageError for a format, or a path that could not be written."""
    found: dict[Path, str] = {}
    for text in given:
        where = f"--isolation-report {text!r}"
        kind, colon, name = text.partition(":")
        if kind not in FORMATS:
            raise UsageError(f"{where}: the format is {kind!r}; {choice(kind, FORMATS)}, as in json:report.json")
        if not (colon and name) or "\0" in name:
            raise UsageError(f"{where}: no path after {kind}; expected FORMAT:PATH, for example {kind}:report.{kind}")
        path = Path(os.path.abspath(base / name))
        check_writable(path, where)
        if path in found:
            raise UsageError(f"{where}: {path} is already the {found[path]} report's; give each report its own path")
        found[path] = kind
    return tuple((kind, path) for path, kind in found.items())


def _profile(given: str | None, question: str | None, base: Path) -> Profile | None:
    if given is None and question is None:
        return None
    from pytest_isolation.guarantees import profiles

    if question is not None:
        if given is not None:
            raise UsageError(f"--isolation-ask {question!r} and --isolation-profile {given!r}: give one of the two")
        return profiles.answering(question)
    assert given is not None  # one of the two was
    return profiles.load(given, base)


def _expect(given: str | None, base: Path) -> Baseline | None:
    if given is None:
        return None
    from pytest_isolation.guarantees import expect

    return expect.load(given, base)


def since(given: str | None, base: Path) -> Run | None:
    """The report that --isolation-since names.  Raises UsageError for what is none."""
    if given is None:
        return None
    from pytest_isolation.report.read import report

    try:
        return report(base / given)
    except UsageError as error:
        raise UsageError(f"--isolation-since {given!r}: {error}") from None


def _whole(option: str, given: str, least: int, most: int, hint: str = "") -> int:
    """Raises UsageError, with `hint`, for what is no whole number from `least` to `most`, or has more digits."""
    digits = len(str(most))
    if not re.fullmatch(rf"[0-9]{{1,{digits}}}", str(given), re.ASCII) or not least <= int(given) <= most:
        raise UsageError(f"{option} {given!r}: expected a whole number from {least} to {most}{hint}")
    return int(given)


def _jobs(given: str | None) -> int | None:
    return None if given is None else _whole("--isolation-jobs", given, 1, 999, "; 1 is serial")


BOXES_OF_COSTS, MOST_BOXES = 10, 100


def _costs(wanted: object, boxes: str | None) -> int | None:
    if boxes is None:
        return BOXES_OF_COSTS if wanted else None
    if not wanted:
        raise UsageError(f"--isolation-costs-boxes {boxes!r} is given without --isolation-costs; add it")
    return _whole("--isolation-costs-boxes", boxes, 1, MOST_BOXES, ", for example 50")


SECONDS_OF_FLOW, LEAST_OF_FLOW = 60, 5


def _flow(wanted: object, seconds: str | None) -> int | None:
    if seconds is None:
        return SECONDS_OF_FLOW if wanted else None
    if not wanted:
        raise UsageError(f"--isolation-flow-seconds {seconds!r} is given without --isolation-flow; add it")
    return _whole("--isolation-flow-seconds", seconds, LEAST_OF_FLOW, 999_999)


def _versions(given: str | None, costs: object, base: Path) -> tuple[Path, Path] | None:
    if given is None:
        return None
    where = f"--isolation-versions {given!r}"
    if not costs:
        raise UsageError(f"{where} is given without --isolation-costs; add it")
    paths = [Path(os.path.abspath(base / one.strip())) for one in given.split(",")]
    if len(paths) != 2:
        raise UsageError(f"{where}: expected two files, OLD,NEW: two versions of one program, linked statically")
    for one in paths:
        if not (os.path.isfile(one) and os.access(one, os.R_OK)):
            raise UsageError(f"{where}: {one} is no file that can be read; expected a program, linked statically")
    return paths[0], paths[1]


def _examples(given: str | None) -> int | None:
    return None if given is None else _whole("--isolation-examples", given, 1, 9_999_999, ", for example 100")
