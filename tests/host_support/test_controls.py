"""Every probe says yes where its feature works, and no, with the right cause, where one switch turns it off."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import start_local
from pytest_isolation.support.explain import As, Finding
from pytest_isolation.support.feature import features
from pytest_isolation.support.image import booted
from pytest_isolation.support.kernel import Kernel, look, module_name
from pytest_isolation.support.survey import survey
from tests.host_support.controls import CONTROLS, Control, sysctl, thrown
from tests.host_support.images import images, need_vm

UNPROVEN = set((Path(__file__).parents[1] / "data" / "unproven-features.txt").read_text().split())
"""Features that were not seen both to work and to be turned off: at most 15."""

OLDEST = (
    "cgroup_disable=memory,pids,cpu,cpuset,io,hugetlb,perf_event,net_cls,net_prio,rdma,misc",
    "psi=0",
    "apparmor=0",
    "no_file_caps",
    "selinux=1",
    "security=selinux",
    "ipv6.disable=1",
    "sysctl.kernel.yama.ptrace_scope=3",
)
"""What the oldest kernel is booted with; each word is some features' switch."""
NEWEST = (
    "lockdown=confidentiality",
    "nomodule",
    "cgroup_no_v1=all",
    "ia32_emulation=0",
    "lsm=lockdown,yama",
    "secretmem.enable=0",
    "intel_iommu=on",
)
IOMMU = ("-device", "intel-iommu")


def find(kernel: Kernel, only: set[str], as_: As = "root") -> dict[str, Finding]:
    return {one.feature.id: one.finding for one in survey(kernel, (as_,), only=only)} if only else {}


def modules_of(kernel: Kernel) -> list[Control]:
    """One control for each feature that is a module of this kernel: the last it names, left out."""
    others = {one.feature for one in CONTROLS}
    return [
        Control(one.id, "module", one.modules[-1])
        for one in features()
        if one.modules and one.id not in others and kernel.configured(one.config) == "m"
    ]


@dataclass(slots=True)
class Seen:
    """What the controls showed."""

    works: dict[tuple[str, As], str] = field(default_factory=dict)
    """Where a feature was seen to work."""
    off: dict[Control, Finding] = field(default_factory=dict)

    def add(self, where: str, found: dict[str, Finding], as_: As = "root") -> None:
        for id, finding in found.items():
            if finding.status == "works":
                self.works.setdefault((id, as_), where)


@pytest.fixture(scope="module")
def lifetime(lifetime: Lifetime) -> Lifetime:
    need_vm()
    return lifetime


@pytest.fixture(scope="module")
def seen(lifetime: Lifetime, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Every control thrown once: two boots with parameters, one with everything else."""
    found = Seen()
    oldest, newest = images()[0], images()[-1]
    for image, words, devices in ((oldest, OLDEST, ()), (newest, NEWEST, IOMMU)):
        with booted(image, lifetime, parameters=words, devices=devices) as kernel:
            controls = [one for one in CONTROLS if one.kind == "boot" and given(one.switch, words)]
            on = {one.feature for one in CONTROLS if one.kind == "without" and given(one.switch, words)}
            answers = find(kernel, {one.feature for one in controls} | on)
            found.off |= {one: answers[one.feature] for one in controls if one not in found.off}
            found.add(f"{Path(image).name} with {next(iter(words))} ...", {id: answers[id] for id in on})
    with booted(newest, lifetime) as kernel:
        one_by_one(kernel, found, tmp_path_factory.mktemp("modules"))
    with this_kernel() as kernel:
        found.add("this kernel", find(kernel, {one.id for one in features()}))
        for control in (one for one in CONTROLS if one.kind == "cover"):
            place = shutil.which(control.switch) or control.switch
            with thrown(kernel, replace(control, switch=place)) as other:
                found.off |= {control: find(other, {control.feature})[control.feature]}
    return found


def given(switch: str, words: tuple[str, ...]) -> bool:
    name, _, value = switch.partition("=")
    for word in words:
        key, _, values = word.partition("=")
        if key == name and (values == value or value in values.split(",")):
            return True
    return False


def one_by_one(kernel: Kernel, found: Seen, folder: Path) -> None:
    """In one VM: each module left out and then loaded, then each other switch thrown and put back."""
    where = Path(kernel.name).name
    listed = (kernel.modules / "modules.dep").read_text().splitlines(keepends=True)
    needs = {module_name(file): len(rest.split()) for file, _, rest in (line.partition(":") for line in listed)}
    groups = defaultdict(list)
    for control in modules_of(kernel):
        groups[control.switch].append(control)
    load = kernel.load
    assert load is not None
    shutil.copy(kernel.modules / "modules.builtin", folder)
    for name in sorted(groups, key=lambda one: needs[one.partition("|")[0]]):  # what others need comes first
        out = name.split("|")
        (folder / "modules.dep").write_text(
            "".join(line for line in listed if module_name(line.partition(":")[0]) not in out)
        )
        without = replace(kernel, modules=folder, load=lambda one, out=out: one in out or load(one), _read={})
        answers = find(without, {one.feature for one in groups[name]})
        found.off |= {one: answers[one.feature] for one in groups[name]}
    found.add(where, find(kernel, {one.id for one in features()}))
    for control in CONTROLS:
        if control.kind in ("without", "built"):
            found.off[control] = find(kernel, {control.feature})[control.feature]
        if control.kind in ("module", "boot", "without", "built", "cover"):
            continue
        if control.on or control.as_ == "user":
            on = sysctl(kernel, control.on) if control.on else thrown(kernel, replace(control, kind="without"))
            with on:
                found.add(f"{where} {control.on}".rstrip(), find(kernel, {control.feature}, control.as_), control.as_)
        with thrown(kernel, control) as other:
            found.off[control] = find(other, {control.feature}, control.as_)[control.feature]


@contextmanager
def this_kernel() -> Iterator[Kernel]:
    lifetime = Lifetime()
    groups = f"pytest-isolation/{lifetime.run_id}-{os.getpid()}"
    lifetime.register("cgroup", groups)
    try:
        with start_local() as local:
            yield look("running", local.proc, groups=groups)
    finally:
        lifetime.close()


def test_a_parameter_that_this_kernel_does_not_look_at(lifetime: Lifetime) -> None:
    """swapaccount= went with Linux 6.1, and Debian's kernels are built without selinux=: neither is ever the cause."""
    asked = {"cg.swap", "sec.selinux"}
    with booted(images()[0], lifetime, parameters=("swapaccount=0", "selinux=0", "security=selinux")) as kernel:
        assert {one.status for one in find(kernel, asked).values()} == {"works"}
        with (
            thrown(kernel, Control("cg.swap", "call", "mkdirat")) as one,
            thrown(one, Control("sec.selinux", "hide", "/sys")) as other,
        ):
            found = find(other, asked)
    assert [one.cause for one in found.values() if (one.cause or "").startswith("boot parameter")] == []
    assert {one.status for one in found.values()} == {"off"}


@pytest.mark.skipif(os.geteuid() != 0, reason="half of the controls are of this kernel, and root's")
def test_every_switch_turns_off_its_feature_and_is_named(seen: Seen) -> None:
    wrong = [
        f"{control.feature} with {control.kind} {control.switch}: {finding.status}, {finding.cause}"
        for control, finding in seen.off.items()
        if finding.status != control.status or not all(word in (finding.cause or "") for word in control.named)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.skipif(os.geteuid() != 0, reason="half of the controls are of this kernel, and root's")
def test_every_feature_was_seen_both_ways(seen: Seen) -> None:
    """The table: feature, where it worked, and the switch that turned it off.  `pytest -s` shows it."""
    switches = defaultdict(list)
    for control in seen.off:
        switches[control.feature].append(control)
    unproven = set()
    for one in features():
        works = seen.works.get((one.id, "root"))
        print(f"{one.id:28} works: {works or '-':58} off: ", end="")
        print("; ".join(f"{c.kind} {c.switch}{' (user)' * (c.as_ == 'user')}" for c in switches[one.id]) or "-")
        if not works or not switches[one.id]:
            unproven.add(one.id)
    assert unproven <= UNPROVEN  # this machine's kernel may have what the images have not
    assert len(UNPROVEN) <= 15
    assert [one for one in seen.off if (one.feature, one.as_) not in seen.works and one.feature not in UNPROVEN] == []
