"""The box cannot raise its own limits."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, weaken
from pytest_isolation.agent.shortcuts import read, write
from pytest_isolation.outside.limits import LIMITED, group_of

promise = guarantee(
    "cg.cannot-raise-own",
    claim="no write from inside changes a limit of the box's control group",
    sources=("man:cgroups(7)", "kernel:admin-guide/cgroup-v2 Delegation"),
    # A tree that is writable is not enough where v2 is mounted with nsdelegate: what limits a namespace's root
    # cannot be written from inside it, cgroups(7).
    falsified_by=(weaken.expose("/sys/fs/cgroup"), weaken.share("cgroup")),
    box=LIMITED,
    distinct="the limit itself, not who is counted under it: each has files, and permissions, of its own",
)


def _own_places(box: Box, controller: str) -> list[str]:
    """Where the box says it is: the path counts where the whole tree is visible."""
    lines = [line.split(":", 2) for line in read(box.proc, "/proc/self/cgroup").data.decode().splitlines()]
    return [
        f"/sys/fs/cgroup{f'/{controller}' if names else ''}{path}"
        for _, names, path in lines
        if controller in names.split(",") or not names
    ]


FILES = {
    "pids": ("pids.max", "pids.max"),
    "memory": ("memory.limit_in_bytes", "memory.max"),
    "cpu": ("cpu.cfs_quota_us", "cpu.max"),
}


@promise
@given(controller=st.sampled_from(sorted(FILES)), percent=st.integers(101, 400))
def test_limits_stay(box: Box, controller: str, percent: int) -> None:
    group = group_of(box)
    outside = group.file(controller, *FILES[controller])
    if outside is None:
        raise Unsupported(f"no {controller} controller of the host counts this box")
    before = outside.read_text()
    first = before.split()[0]
    base = int(first) if first.lstrip("-").isdigit() and int(first) > 0 else 1000
    told = []
    try:
        for place in ("/sys/fs/cgroup", f"/sys/fs/cgroup/{controller}", *_own_places(box, controller)):
            for name in FILES[controller]:
                told.append(write(box.proc, f"{place}/{name}", str(base * percent // 100).encode()))
        promise.require(outside.read_text() == before, *told, before=before.strip(), after=outside.read_text().strip())
    finally:
        if outside.read_text() != before:
            outside.write_text(first)
