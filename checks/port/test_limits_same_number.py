"""A limit is the same number in every box: what was asked for can be had, and no more."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.outside.limits.exercised import crowd, memory_to_be_had, refuse_deadly_limits
from pytest_isolation.outside.transfer.carried import alike

promise = guarantee(
    "port.limits-same-meaning",
    claim="a box limited to N processes can have N, one limited to M bytes can fill M less an eighth, and no more",
    sources=("oci:runtime-spec config-linux memory, pids", "kernel:admin-guide/cgroup-v2 memory.max, pids.max"),
    severity=severity.portability("counts its limits differently"),
    falsified_by=(weaken.unlimited("memory"), weaken.unlimited("pids")),
    kind="per-box",
)


@promise
@given(pids=st.integers(12, 48), memory=st.integers(32, 80))
def test_limit_is_the_number(box: Box, pids: int, memory: int) -> None:
    refuse_deadly_limits(box, pids=pids, memory=memory)
    with alike(box, pids=pids, memory=memory * MIB) as limited:
        # The agent, the parent of the crowd, and who came through the exec door.
        with crowd(limited, pids + 8) as number:
            had = number + (3 if limited.spec.door == "exec" else 2)
        promise.require(had == pids, f"{number} processes made inside", processes=had, asked=pids)
        filled = memory_to_be_had(limited, memory * MIB + 8 * MIB)
        kept = memory * MIB * 7 // 8 <= filled <= memory * MIB
        promise.require(kept, f"{filled} bytes filled inside", filled=filled, asked=memory * MIB)
