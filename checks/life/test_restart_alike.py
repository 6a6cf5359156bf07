"""A box that has ended and is started again is confined as it was: a guarantee for each thing that confines."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.outside.ends import ASPECTS, Aspect, restarted

alike = family(
    "life.restart-same-{entry.slug}",
    over=ASPECTS,
    claim="a box that is ended and started again has {entry.what}",
    sources=("{entry.source}", "https://github.com/moby/moby/commit/80c22f0982"),
    severity=lambda entry: (severity.use if entry.is_share else severity.surface)(entry.does),
    falsified_by=weaken.drop("restart"),
    kind="per-window",
    inputs="restart",
    distinct="{entry.why}",
)


@alike
@given(nth=st.just(0))
def test_it_is_confined_alike(box: Box, promise: Guarantee, entry: Aspect, nth: int) -> None:
    seen = restarted(box, entry)
    before, after = seen.before.get(entry.slug, {}), seen.after.get(entry.slug, {})
    if not before:
        raise Unsupported(f"nobody says of the first process of this box whether it has {entry.what}")
    if not after:
        promise.undecided(f"nobody says of the box that was started again whether it has {entry.what}")
    apart = {
        name: f"{before.get(name, 'none')} at first, {after.get(name, 'none')} started again"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
    promise.require(not apart, "ended, and started again", **apart)
