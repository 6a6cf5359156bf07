"""The programs of dev/ as modules: what a test compares with the page that one of them writes."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

DEV = Path(__file__).parents[1] / "dev"


def script(name: str) -> ModuleType:
    """dev/NAME, which has no suffix of Python."""
    loader = SourceFileLoader(name.replace("-", "_"), str(DEV / name))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[loader.name] = module  # where a dataclass looks for its own module
    loader.exec_module(module)
    return module
