"""One run that several tests look at: this host and every kernel image, side by side."""

from __future__ import annotations

import pytest

from tests.host_support.images import images, need_vm
from tests.runs import Done, run


@pytest.fixture(scope="package")
def side_by_side(tmp_path_factory: pytest.TempPathFactory) -> Done:
    need_vm()
    asked = [word for image in images() for word in ("--isolation-kernel", image)]
    return run(tmp_path_factory.mktemp("side-by-side") / "here", *asked, timeout=600)
