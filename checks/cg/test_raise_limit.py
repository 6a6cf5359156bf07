"""The box cannot raise its own limits."""

from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.outside.limits.exercised import LIMITED, group_of
from pytest_isolation.outside.shared.groups import own_places
from pytest_isolation.outside.shared.roads import Road, named, write_by

promise = guarantee(
    "cg.cannot-raise-own",
    claim="no write from inside changes a limit of the box's control group",
    sources=("man:cgroups(7)", "kernel:admin-guide/cgroup-v2 Delegation"),
    # A tree that is writable is not enough where v2 is mounted with nsdelegate: what limits a namespace's root
    # cannot be written from inside it, cgroups(7).
    severity=severity.use("raises its own limits"),
    falsified_by=(weaken.expose("/sys/fs/cgroup"), weaken.share("cgroup")),
    box=LIMITED,
    distinct="the limit itself, not who is counted under it: each has files, and permissions, of its own",
)
FILES = {
    "pids": ("pids.max", "pids.max"),
    "memory": ("memory.limit_in_bytes", "memory.max"),
    "cpu": ("cpu.cfs_quota_us", "cpu.max"),
}


def spared(box: Box, ways: list[Road], outside: Path) -> list[Road]:
    """Without the ways to the limits of the groups above, which bind others too: us, where the host is in a group."""
    if not box.parts.shares_kernel:
        return ways
    above = set()
    for place in outside.parents[1:]:
        with suppress(OSError):
            above.add((place / outside.name).stat().st_ino)
    return [way for way, found in named(box.proc, ways) if found is None or found[1] not in above]


@promise
@given(percent=st.sampled_from([101, 150, 200, 400]))
def test_limits_stay(box: Box, percent: int) -> None:
    """Every limit by every path in each example; drawn is how far it is raised."""
    group = group_of(box)
    limits = {name: file for name, files in FILES.items() if (file := group.file(name, *files)) is not None}
    if not limits:
        raise Unsupported(f"none of the controllers {', '.join(FILES)} of the host counts this box")
    for controller, outside in limits.items():
        before = text_of(outside)
        first = before.split()[0]
        base = int(first) if first.lstrip("-").isdigit() and int(first) > 0 else 1000
        try:
            files = [f"{place}/{name}" for place in own_places(box, group, controller) for name in FILES[controller]]
            ways = spared(box, [Road(path, str(outside)) for path in files], outside)
            told = [reply for _, reply in write_by(box.proc, ways, str(base * percent // 100).encode()) if reply.ok]
            after = text_of(outside)
            promise.require(after == before, *told, before=before.strip(), after=after.strip())
        finally:
            if text_of(outside) != before:
                outside.write_text(first, encoding="utf-8")
