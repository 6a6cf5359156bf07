"""A process that enters a running box is confined as the first one is: a guarantee for each thing that confines."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, Unsupported, family, severity
from pytest_isolation.errors import NO_CONTROL_GROUPS, unless_root
from pytest_isolation.outside.confined.filtered import answers
from pytest_isolation.outside.confined.posture import ASPECTS, Aspect, asked, differences, entered, first_of, posture_of

same = family(
    "exec.same-{entry.slug}",
    over=ASPECTS,
    claim="a process that enters a running box by the technology's own door, and each that it makes, has {entry.what} "
    "of its first process",
    sources=("{entry.source}", "oci:runtime-spec runtime exec", "man:nsenter(1)"),
    severity=lambda entry: severity.surface(entry.does),
    falsified_by=lambda entry: entry.hole,
    kind="per-window",
    distinct="{entry.why}",
)


@same
@given(nth=st.integers(0, 1), deep=st.integers(0, 2))
def test_who_enters_is_confined_alike(box: Box, promise: Guarantee, entry: Aspect, nth: int, deep: int) -> None:
    box = asked(box, entry)
    proc = entered(box, nth)
    if entry.slug == "cgroup" and box.parts.group is None:
        raise Unsupported("no control group of the host counts this box", cause=unless_root(NO_CONTROL_GROUPS))
    made = []
    try:
        for _ in range(deep):
            proc = proc.spawn()
            made.append(proc)
        now = posture_of(box, proc)
        # Two filters of one mode and number may let through different calls: so both are asked.
        calls = answers(proc) if entry.slug == "filter" and not box.spec.attached else {}
    finally:
        for one in reversed(made):
            one.end()
    if calls:
        known_calls = answers(box.init)
        apart = {
            name: f"{known_calls[name]} of the first process, {answer} of who entered"
            for name, answer in calls.items()
            if answer != known_calls[name]
        }
        promise.require(not apart, f"entry {nth + 1}, generation {deep}", **apart)
    views = first_of(box)
    known = {who: entry.told(first) for who, first in views}
    if not any(known.values()):
        raise Unsupported(f"the kernel does not say {entry.what.rstrip(',')} by a name that a child of it has as well")
    compared = False
    for who, first in views:
        # A path of a group is as its reader's namespace has it: the host's reading comes first.
        if who not in now or (entry.slug == "cgroup" and who != views[0][0]):
            continue
        if (found := differences(entry, first, now[who])) is None:
            continue
        compared = True
        promise.require(not found, f"entry {nth + 1}, generation {deep}", said_by=who, **found)
    if not compared:
        promise.undecided(f"nobody may look at {entry.what.rstrip(',')} of both the first process and one that entered")
