"""pytest would run a submission's conftest.py, and obey its ini file: the run stops before it does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest


def refuse_to_load(config: pytest.Config, given: list[str]) -> None:
    """Raises UsageError when the working directory, rootdir, ini file or a conftest of this run is audited."""
    base = config.invocation_params.dir
    audited = [Path(os.path.realpath(base / text)) for text in given if "\0" not in text]
    if config.inipath is None and not config.known_args_namespace.rootdir:
        # pytest looks for its root before it knows our options, and takes `--inception PATH` for a path of tests.
        if config.known_args_namespace.confcutdir == str(config.rootpath):
            config.known_args_namespace.confcutdir = str(base)
        config._rootpath = base
    for what, path in _loaded(config):
        real = Path(os.path.realpath(path))
        for top in audited:
            if real.is_relative_to(top):
                raise UsageError(
                    f"{what} {path} lies in the submission {top}, and pytest would load code or settings from it; "
                    f"run `pytest-isolation audit {top}`, which loads nothing of it, or start in another "
                    "directory, with `--inception=PATH`"
                )


def _loaded(config: pytest.Config) -> Iterable[tuple[str, Path]]:
    base = config.invocation_params.dir
    yield "the working directory", base
    if config.inipath is not None:
        yield "the ini file", config.inipath
    yield "the root directory", config.rootpath
    cut = config.known_args_namespace.confcutdir
    if cut:
        yield "--confcutdir", base / cut
    anchors = [base / word.split("::")[0] for word in config.known_args_namespace.file_or_dir]
    for anchor in anchors:
        yield "the path", anchor
    for anchor in anchors or [base, *(base / path for path in config.getini("testpaths"))]:
        if anchor.is_dir():  # pytest also loads the conftest of every directory here whose name starts with test
            for conftest in sorted(anchor.glob("test*/conftest.py")):
                yield "the conftest", conftest
