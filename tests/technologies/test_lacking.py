"""A box that is asked to have what cannot be had does not start; with the hole it does, and without what was asked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_isolation import Unsupported
from pytest_isolation.boxes.spec import BoxSpec, Unobtainable
from pytest_isolation.boxes.weakenings import drop
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.base import further
from pytest_isolation.technologies.lacking import NOUNS
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

WORDS = [(name, layer) for name in names() for layer in further(technology(name)).lacking]
HERE = [layer for name, layer in WORDS if name == "namespaces"]


def asked(name: str, layer: str) -> BoxSpec:
    number = {"rlimit": 1 << 40, "processors": 9000}.get(layer, 77)
    return BoxSpec(technology=name, lacking=Unobtainable(layer=layer, name="nxlayer", number=number))


@pytest.mark.parametrize("layer", HERE)
def test_the_kernel_refuses_it_and_the_hole_does_not_ask(layer: str, pool: Pool) -> None:
    spec = asked("namespaces", layer)
    try:
        with pytest.raises(BoxError):
            pool.launch(spec)
    except Unsupported as error:
        pytest.skip(str(error))
    with pool.launch(spec.weakened(drop("fails-closed"))) as box:
        assert box.proc.getpid().ok


def test_bwrap_refuses_the_namespace_and_not_the_words(pool: Pool) -> None:
    need("bubblewrap")
    with pytest.raises(BoxError, match="Setting pidns failed: Bad file descriptor"):
        pool.launch(asked("bubblewrap", "namespace"))


def test_what_every_start_says_tells_of_no_layer() -> None:
    """A launcher that always speaks of users has not told that this one is not known."""
    names = next(
        check.hypothesis.inner_test.__globals__["_names"]
        for one, check in built_in_checks()
        if one.id == "start.user-fails-closed"
    )
    usual = "Selected user namespace base 65536 and range 65536."
    layer = SimpleNamespace(slug="user")
    assert not names(usual, "nxlayer", 77, layer, usual)
    assert names(f"{usual} No user nxlayer.", "nxlayer", 77, layer, usual)
    assert names("user unknown", "nxlayer", 77, layer, "")


@pytest.mark.parametrize("name", ["host", "chroot", "bubblewrap"])
def test_what_a_technology_has_no_words_for_is_never_passed_over(name: str, pool: Pool) -> None:
    with pytest.raises(Unsupported, match=rf"{name} cannot be asked for a setting of the kernel"):
        pool.launch(asked(name, "sysctl"))


@pytest.mark.parametrize(("name", "layer"), WORDS)
def test_each_word_is_of_a_layer_and_the_hole_can_be_opened(name: str, layer: str) -> None:
    assert layer in NOUNS
    assert drop("fails-closed") in technology(name).weakenings()
    assert further(technology(name)).lacking[layer](asked(name, layer).lacking) is not None
