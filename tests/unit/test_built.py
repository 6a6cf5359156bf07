"""What is built once is whole, or it is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.machines import built


@pytest.mark.parametrize("kind", ["directory", "file"])
def test_half_of_it_is_not_kept(kind: Literal["directory", "file"], tmp_path: Path) -> None:
    kept, lifetime = tmp_path / "kept", Lifetime()

    def make(place: Path) -> None:
        if kind == "file":
            place.write_text("half")
        else:
            (place / "below").mkdir(parents=True)

    def fail(place: Path) -> None:
        make(place)
        raise ZeroDivisionError

    try:
        with pytest.raises(ZeroDivisionError), built.whole(kept, kind, lifetime) as (half, _):
            fail(half)
        assert list(tmp_path.iterdir()) == []
        with built.whole(kept, kind, lifetime) as (half, directory):
            make(half)
            assert not kept.exists()
            assert directory.is_dir()
        assert list(tmp_path.iterdir()) == [kept]
        assert not directory.exists()
    finally:
        lifetime.close()
