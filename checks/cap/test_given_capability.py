"""The box was handed no capability over its machine beyond what container engines give, whatever its user can do."""

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.outside.start.handed_in import SETS, Given, beyond_default, capability_sets

not_given = family(
    "cap.{entry.slug}-not-given",
    over=beyond_default(),
    claim="CAP_{entry.name} over its machine is in no set of the first process of the box, the bounding set included: "
    "usable by its user or not",
    sources=("man:capabilities(7) CAP_{entry.name}", "man:proc_pid_status(5) CapBnd"),
    severity=lambda entry: severity.surface(f"was handed CAP_{entry.name}"),
    falsified_by=lambda entry: weaken.grant(entry.name),
    kind="per-box",
    needs_root=True,
    distinct="that CAP_{entry.name} was handed in, not what this box's user does with it: a setuid program has it, or "
    "the next image's root",
)


@not_given
def test_capability_was_not_given(box: Box, promise: Guarantee, entry: Given) -> None:
    pid = box.parts.init_pid
    if pid is None or not box.parts.shares_kernel:
        raise Unsupported("no process of the box is one of its machine's, and so none has capabilities there")
    sets = capability_sets(box, pid)
    # None: of a user namespace of its own, where nothing of the machine's is ruled by them.
    promise.held("isolated" if sets is None else "absent")
    having = [name for name in SETS if sets is not None and sets[name] >> entry.number & 1]
    promise.require(not having, sets=", ".join(having))
