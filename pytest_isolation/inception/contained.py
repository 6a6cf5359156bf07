"""What the containers of a stack do and do not guarantee, in the words of somebody who writes compose files.

`judge` makes rows I.. of facts (`services.facts_of`) and of measured guarantees alone.  They say what is guaranteed
(pass) and what is not (advice): neither is a fault of the stack, and none ends an evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_isolation.guarantees.domains import Domain, domains
from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.inception.row import InceptionRow
from pytest_isolation.technologies.capabilities import NAMES

if TYPE_CHECKING:
    from pytest_isolation.report.run import ResultRow

WHY = {
    "I01": "A container is a process of the machine's kernel: a hole in it, used from any container, opens them all "
    "and the machine. A virtual machine has a kernel of its own.",
    "I02": "Root in a container is the machine's root with fewer rights, unless a user namespace renumbers it.",
    "I03": "Capabilities are the pieces of root's power that the container keeps; each is a right an intruder has.",
    "I04": "Setuid programs raise an intruder's rights, and every system call that is let through is a way to ask "
    "the shared kernel for something.",
    "I05": "What may be written can be changed by an intruder: programs, pages, or code that another container runs.",
    "I06": "Containers on one network reach every port of each other, published or not.",
    "I07": "A container reaches the machine by its gateway, and what the machine reaches.",
    "I08": "Without limits one container can take the memory, the processes and the processors of all.",
    "I09": "Whoever may speak to Docker, or holds every right, is root of the machine.",
    "I10": "A container has processes of its own: it neither sees nor touches others.",
    "I11": "A container has files of its own: the machine's are neither read nor written, and nothing is mounted.",
    "I12": "A container has a network of its own: addresses, ports and sockets.",
    "I13": "A container is in a control group that it cannot see past or change.",
    "I14": "A container has no disk of the machine.",
}
"""Rule -> what a student should know of it; the `why` of its rows."""
KERNEL_CAPABILITIES = len(NAMES)
COUNT = "violating_examples"
"""What every violation's evidence has beside what was seen."""

Facts = Mapping[str, Mapping[str, Any]]
"""Box -> facts_of its service; as in `spec.facts` of the report's boxes."""
Said = tuple[str, str, Iterable[str], str, str, Sequence[str]]
"""rule, verdict, services, what of them, fix, evidence"""


def judge(path: str, facts: Facts, results: Sequence[ResultRow], claims: Mapping[str, str]) -> Iterator[InceptionRow]:
    """Rows of every rule in WHY; `claims` says what each guarantee promises."""
    said = [*_owned(facts), *_privileges(facts), *_written(facts), *_network(facts), *_taken(facts)]
    said += [one for rule, domain in measured().items() for one in _domain(rule, domain, results, claims)]
    for rule, verdict, services, says, fix, evidence in said:
        yield _row(path, rule, verdict, f"{_and(services)}: {says}", fix, evidence)


def unmeasured(path: str, reason: str, remedy: str) -> list[InceptionRow]:
    """When a service could not be attached to."""
    return [_row(path, rule, "unclear", f"not measured: {reason}", remedy, ()) for rule in WHY]


def _row(path: str, rule: str, verdict: str, found: str, fix: str, evidence: Iterable[str]) -> InceptionRow:
    return InceptionRow(
        path=path, rule=rule, verdict=verdict, severity="advice", where="", found=found, why=WHY[rule], fix=fix,
        evidence=tuple(evidence),
    )  # fmt: skip


def _and(names: Iterable[str]) -> str:
    *most, last = dict.fromkeys(names)
    return f"{', '.join(most)} and {last}" if most else last


def _number(guarantees: int) -> str:
    return "one guarantee holds" if guarantees == 1 else f"{guarantees} guarantees hold"


def _alike(facts: Facts, key: str) -> Iterator[tuple[list[str], Any]]:
    """(services, the value they have in common)"""
    groups: list[tuple[list[str], Any]] = []
    for name, one in facts.items():
        for names, value in groups:
            if value == one[key]:
                names.append(name)
                break
        else:
            groups.append(([name], one[key]))
    yield from groups


def _owned(facts: Facts) -> Iterator[Said]:
    for names, own in _alike(facts, "own_kernel"):
        seen = [f"{name}: uname(2) in it and on the machine {'differ' if own else 'say the same'}" for name in names]
        if own:
            yield "I01", "pass", names, "a kernel of their own stands before the machine's", "", seen
        else:
            fix = "keep the stack in a virtual machine, as the subject asks; or a runtime with a kernel (gVisor, Kata)"
            yield "I01", "advice", names, "on the machine's own kernel, shared with all that runs here", fix, seen
    for names, uid in _alike(facts, "uid_on_host"):
        seen = [f"{name}: /proc/PID/status of its first process says Uid {uid}" for name in names]
        if uid:
            yield "I02", "pass", names, f"the first process is user {uid} of the machine, not root", "", seen
        else:
            fix = "USER in the Dockerfile where the daemon can start as one, or userns-remap in Docker's settings"
            yield "I02", "advice", names, "the first process is root, the same root as the machine's", fix, seen


def _privileges(facts: Facts) -> Iterator[Said]:
    for names, held in _alike(facts, "capabilities"):
        seen = [f"{name}: CapBnd in /proc/PID/status: {', '.join(held) or 'none'}" for name in names]
        if not held:
            yield "I03", "pass", names, "not one capability is left", "", seen
        else:
            fix = "cap_drop: [ALL], then cap_add what its log asks for"
            yield "I03", "advice", names, f"{len(held)} of {KERNEL_CAPABILITIES} capabilities can be had", fix, seen
    for names, set_ in _alike(facts, "no_new_privileges"):
        seen = [f"{name}: NoNewPrivs {int(set_)} in /proc/PID/status" for name in names]
        if set_:
            yield "I04", "pass", names, "setuid programs raise nobody's rights", "", seen
        else:
            fix = 'security_opt: ["no-new-privileges:true"]'
            yield "I04", "advice", names, "a setuid program (su, mount) still makes root of a user", fix, seen
    for names, filtered in _alike(facts, "seccomp"):
        seen = [f"{name}: Seccomp {2 if filtered else 0} in /proc/PID/status" for name in names]
        if filtered:
            yield "I04", "pass", names, "a filter (seccomp) refuses the system calls a service has no use for", "", seen
        else:
            yield "I04", "advice", names, "no filter (seccomp): every system call can be tried", (
                "a daemon with seccomp, and no seccomp=unconfined"), seen  # fmt: skip


def _written(facts: Facts) -> Iterator[Said]:
    for names, writable in _alike(facts, "root_writable"):
        seen = [f"{name}: / is mounted {'rw' if writable else 'ro'}" for name in names]
        if writable:
            fix = "read_only: true, and tmpfs: for /run and /tmp"
            yield "I05", "advice", names, "its own programs can be changed until the container is made again", fix, seen
        else:
            yield "I05", "pass", names, "its own programs cannot be changed", "", seen
    for name, one in facts.items():
        if one["shares"]:
            seen = [f"{name}: writes to {path}" for path in one["writes_to"]]
            fix = "mount it read-only where it is only read: VOLUME:PATH:ro"
            yield "I05", "advice", [name], f"may write to {_and(one['shares'])}", fix, seen


def _network(facts: Facts) -> Iterator[Said]:
    for name, one in facts.items():
        between = [reach for reach in one["reaches"] if reach["kind"] == "service"]
        open_ = [reach["what"] for reach in between if reach["answered"]]
        seen = [_tried(reach) for reach in between]
        if open_:
            fix = "a network for each pair that has to speak, and no third service on it"
            yield "I06", "advice", [name], f"reaches {_and(open_)}", fix, seen
        else:
            yield "I06", "pass", [name], "reaches no port of another container", "", seen
    for kind, says, none, fix in (
        ("host", "the machine itself answers by the gateway, on port ", "no port of the machine answers by the gateway",
         "services of the machine listen on 127.0.0.1, or a firewall stands before them"),
        ("outside", "a route to ", "no route out", "internal: true for a network that serves only containers"),
    ):  # fmt: skip
        yield from _by_reach(facts, kind, says, none, fix)


def _by_reach(facts: Facts, kind: str, says: str, none: str, fix: str) -> Iterator[Said]:
    by_finding: dict[tuple[str, ...], list[str]] = {}
    for name, one in facts.items():
        open_ = tuple(dict.fromkeys(r["what"] for r in one["reaches"] if r["kind"] == kind and r["answered"]))
        by_finding.setdefault(open_, []).append(name)
    for open_, names in by_finding.items():
        seen = [f"{name}: {_tried(r)}" for name in names for r in facts[name]["reaches"] if r["kind"] == kind]
        if open_:
            yield "I07", "advice", names, says + _and(open_), fix, seen
        else:
            yield "I07", "pass", names, none, "", seen


def _tried(reach: Mapping[str, Any]) -> str:
    got = "a route to" if reach["kind"] == "outside" else "connected to"
    return f"{got if reach['answered'] else 'not'} {reach['to']}: {reach['calls'][-1]}"


def _taken(facts: Facts) -> Iterator[Said]:
    words = {"memory": "mem_limit", "pids": "pids_limit", "cpus": "cpus"}
    for names, limits in _alike(facts, "limits"):
        free = [word for word in words if not limits.get(word)]
        told = ", ".join(f"{word} {limits.get(word) or 'unlimited'}" for word in words)
        seen = [f"{name}: {told}" for name in names]
        if free:
            fix = f"{', '.join(f'{words[word]}:' for word in free)} for each service"
            yield "I08", "advice", names, f"may take all of the machine's {_and(free)}", fix, seen
        else:
            yield "I08", "pass", names, "memory, processes and processors have limits", "", seen
    for name, one in facts.items():
        if one["engine_socket"]:
            fix = "leave the socket out; what needs it (portainer) is as strong as root, and is said to be"
            yield "I09", "advice", [name], f"holds Docker's socket, at {_and(one['engine_socket'])}", fix, ()
        if one["privileged"]:
            yield "I09", "advice", [name], "privileged: it may do what the machine's root may", "no privileged:", ()
    if sound := [name for name, one in facts.items() if not (one["engine_socket"] or one["privileged"])]:
        yield "I09", "pass", sound, "without Docker's socket, and not privileged", "", ()


def measured() -> Mapping[str, Domain]:
    """Rule -> the domain of the guarantees it sums up."""
    return {one.inception: one for one in domains().values() if one.inception is not None}


def _domain(rule: str, domain: Domain, results: Sequence[ResultRow], claims: Mapping[str, str]) -> Iterator[Said]:
    """One row of what holds, and one for each guarantee that does not."""
    held: dict[str, list[str]] = {}
    broken: dict[str, list[ResultRow]] = {}
    undecided: dict[str, list[ResultRow]] = {}
    for row in results:
        if not row.guarantee.startswith(f"{domain.name}."):
            continue
        if row.verdict is Verdict.HOLDS:
            held.setdefault(row.guarantee, []).append(row.box)
        elif row.verdict is Verdict.VIOLATED:
            broken.setdefault(row.guarantee, []).append(row)
        elif row.verdict is not Verdict.UNSUPPORTED:
            undecided.setdefault(row.guarantee, []).append(row)
    if held:
        seen = [f"{id} holds in {_and(names)}: {claims[id]}" for id, names in held.items()]
        names = [name for names in held.values() for name in names]
        yield rule, "pass", names, f"{_number(len(held))} about {domain.title}", "", seen
    for id, rows in broken.items():
        seen = []
        for row in rows:
            for one in row.evidence:
                seen += [f"{row.box}: {one.calls[at]}" for at in one.proof]
                seen += [f"{row.box}: {name} = {value}" for name, value in one.observed.items() if name != COUNT]
        yield rule, "advice", [row.box for row in rows], f"not guaranteed ({id}): {claims[id]}", "", seen
    for id, rows in undecided.items():
        yield rule, "unclear", [row.box for row in rows], f"{id} was not decided", rows[0].reason or "", ()
