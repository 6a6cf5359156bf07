"""Options: the command line and pyproject.toml become one frozen RunConfig.

`add_options` is all that a pytest run without our options pays for; the rest is imported when asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from pytest_isolation.options.config import RunConfig

__all__ = ["add_options", "others_measure", "requested", "resolve"]

OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--isolation", {
        "action": "store_true", "dest": "isolation",
        "help": "measure what the boxes of this machine isolate: every check on every box that can run here, "
        "or on those named by --box",
    }),
    ("--box", {
        "action": "append", "dest": "isolation_boxes", "metavar": "[NAME=]TECHNOLOGY[:KEY=VALUE,...]",
        "help": "a box to measure (repeatable): docker, strict=docker:memory=64M,network=none, or the name of a "
        "[tool.pytest_isolation.boxes.NAME] table in pyproject.toml; a list is KEY=A+B, quotes as in a shell",
    }),
    ("--isolation-only", {
        "action": "append", "dest": "isolation_only", "metavar": "GLOB,...",
        "help": "only guarantees with such ids: pid.*,mnt.rootfs-readonly",
    }),
    ("--isolation-report", {
        "action": "append", "dest": "isolation_reports", "metavar": "FORMAT:PATH",
        "help": "write a report (repeatable): FORMAT:PATH with html, json, md, sarif, github, gitlab, badge or svg",
    }),
    ("--isolation-require", {
        "action": "append", "dest": "isolation_require", "metavar": "BOX,...",
        "help": "fail, rather than skip, when one of these boxes is not available",
    }),
    ("--isolation-profile", {
        "dest": "isolation_profile", "metavar": "NAME|FILE",
        "help": "require this list of guarantees instead of each technology's claims: container, sandbox, agent, vm, "
        "pss-baseline, pss-restricted, "
        "or a TOML file",
    }),
    ("--isolation-ask", {
        "dest": "isolation_ask", "metavar": "QUESTION",
        "help": 'the profile that answers it: "run untrusted code", "run a coding agent", "run a service", '
        '"run a virtual machine", "run a pod" or "run a restricted pod"',
    }),
    ("--isolation-expect", {
        "dest": "isolation_expect", "metavar": "FILE",
        "help": "a baseline: the violations in FILE pass, any other fails, one that vanished is reported",
    }),
    ("--isolation-examples", {
        "dest": "isolation_examples", "metavar": "N",
        "help": "examples for each check (default: by its kind: 100 per call, 10 per time window, 5 per fresh box)",
    }),
    ("--isolation-since", {
        "dest": "isolation_since", "metavar": "REPORT",
        "help": "measure what has changed since that JSON report, and carry its other rows over, marked as such",
    }),
    ("--isolation-jobs", {
        "dest": "isolation_jobs", "metavar": "N",
        "help": "measure in N processes at a time (default: two for each processor); 1 is serial",
    }),
    ("--isolation-prove", {
        "action": "store_true", "dest": "isolation_prove",
        "help": "run each guarantee's falsifier on every technology that can open it, not only on the cheapest",
    }),
    ("--isolation-pairs", {
        "action": "store_true", "dest": "isolation_pairs",
        "help": "measure every two of the --box beside each other, too (a run without --box does so by itself)",
    }),
    ("--isolation-depth", {
        "action": "store_true", "dest": "isolation_depth",
        "help": "also open holes in further boxes of each --box, to see on how many layers rests what holds; minutes",
    }),
    ("--isolation-flow", {
        "action": "store_true", "dest": "isolation_flow",
        "help": "also search for what a program on one side of each --box changes for one on another side; a minute",
    }),
    ("--isolation-flow-seconds", {
        "dest": "isolation_flow_seconds", "metavar": "N",
        "help": "how long to search, for each box (default: 60)",
    }),
    ("--isolation-why", {
        "action": "append", "dest": "isolation_why", "metavar": "GLOBS",
        "help": "also find which layer refuses what holds by refusal, of these guarantees: in boxes that lack one",
    }),
    ("--isolation-costs", {
        "action": "store_true", "dest": "isolation_costs",
        "help": "also measure what each box costs: time to start, memory, disk, processes, calls; at most some 30 s "
        "a box",
    }),
    ("--isolation-costs-boxes", {
        "dest": "isolation_costs_boxes", "metavar": "N",
        "help": "how many boxes of one at a time, at most, to see how start and memory grow (default: 10)",
    }),
    ("--isolation-versions", {
        "dest": "isolation_versions", "metavar": "OLD,NEW",
        "help": "with --isolation-costs: two versions of one static program, to be tried side by side in each box",
    }),
    ("--isolation-list", {
        "action": "store_true", "dest": "isolation_list",
        "help": "list boxes, whether they can run here and if not why, and guarantees; run nothing",
    }),
    ("--isolation-clean", {
        "action": "store_true", "dest": "isolation_clean",
        "help": "remove what a killed run left behind, and nothing else",
    }),
    ("--isolation-forget", {
        "action": "append", "dest": "isolation_forget", "metavar": "ADDRESS",
        "help": "with --isolation-clean: forget what was left with that daemon, if it does not answer (repeatable)",
    }),
    ("--isolation-host", {
        "action": "store_true", "dest": "isolation_host",
        "help": "host support only: try what this kernel can do, as root and as a user, and say what that lets run",
    }),
    ("--isolation-no-host", {
        "action": "store_true", "dest": "isolation_no_host",
        "help": "no host support in the reports of a measurement: trying it takes some seconds of each run",
    }),
    ("--isolation-kernel", {
        "action": "append", "dest": "isolation_kernel", "metavar": "PATH",
        "help": "host support of that kernel image, booted in a VM (repeatable)",
    }),
)  # fmt: skip


def add_options(parser: pytest.Parser) -> None:
    """For pytest_addoption."""
    group = parser.getgroup("isolation", "what containers and VMs really isolate")
    for name, how in OPTIONS:
        group.addoption(name, **how)


def requested(config: pytest.Config) -> bool:
    """Whether any of these options was given: cheap, raises nothing."""
    return any(config.getoption(how["dest"], None) for _, how in OPTIONS)


def others_measure(config: pytest.Config) -> bool:
    """Whether another plugin makes rows of its own in this run."""
    return any(config.hook.pytest_isolation_measures(config=config))


def resolve(config: pytest.Config) -> RunConfig:
    """What the user asked for.  Raises UsageError, before anything is started, for what was asked wrongly."""
    from pytest_isolation.options.config import resolve as resolved

    return resolved(config, others_measure=others_measure(config))
