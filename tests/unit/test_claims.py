"""What technologies claim: the committed files, and how they are looked up for one box."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import Weakening, grant, share
from pytest_isolation.door import Door
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees import claims, data, severity
from pytest_isolation.guarantees.conditions import agrees
from pytest_isolation.guarantees.guarantee import Guarantee, guarantee
from pytest_isolation.guarantees.verdicts import Claim
from pytest_isolation.options.boxes import parse
from pytest_isolation.suite.collect import built_in_guarantees
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.docker.daemon import cgroup_of
from pytest_isolation.technologies.podman.arguments import opted
from tests.support import guarantee_called

FILES = data.names("claims")
BUILT_IN = built_in_guarantees()


def test_the_five_technologies_have_a_file() -> None:
    assert set(FILES) >= {"host", "chroot", "namespaces", "docker", "qemu"}


@pytest.mark.parametrize("technology", FILES)
def test_the_file_is_sound(technology: str) -> None:
    document: Any = data.read("claims", technology)
    assert document["technology"] == technology
    assert set(document) == {"technology", "claim"}
    for entry in document["claim"]:
        assert len(entry["says"]) <= 110, "a paraphrase, not a quotation"
    claims.check(technology, BUILT_IN, {one.id for one in BUILT_IN})


@pytest.mark.parametrize("technology", FILES)
def test_a_resolved_claim_is_never_conditional(technology: str) -> None:
    for one in BUILT_IN:
        assert claims.resolve(one, BoxSpec(technology=technology)).claim is not Claim.CONDITIONAL


# -- a file, as its author may get it wrong -------------------------------------------------


def said(word: str, claim: str = "promised", **more: Any) -> dict[str, Any]:
    return {"claim": claim, "source": f"man:{word}(7)", "says": word, **more}


def a_promise(id: str, *holes: Weakening) -> Guarantee:
    return guarantee(
        id,
        claim="it is",
        sources=("man:kill(2)",),
        severity=severity.host("signals processes of the host"),
        falsified_by=holes,
    )


SIGNAL = a_promise("pid.signal", share("pid"))
TRACE = a_promise("pid.trace", share("pid"), grant("SYS_PTRACE"))
WHOLE = [said("a", defences=["pid-namespace"]), said("b", "silent", defences=["without-cap-sys-ptrace"])]


def checked(monkeypatch: pytest.MonkeyPatch, entries: list[dict[str, Any]]) -> None:
    """As a run checks the claims of a technology `fake`, of which there are the two guarantees above."""
    monkeypatch.setattr(claims, "claims_of", lambda technology: claims.parsed({"claim": entries}, "claims/fake.toml"))
    claims.check("fake", [SIGNAL, TRACE], {SIGNAL.id, TRACE.id})


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (
            [*WHOLE, said("c", guarantees=["pid.sgnal"])],
            "claims/fake.toml: guarantees: there is no guarantee 'pid.sgnal'; did you mean 'pid.signal'? "
            "near it: pid.trace; `pytest --isolation-list` shows all 2",
        ),
        (
            WHOLE[1:],
            "claims/fake.toml: nothing is said of the defence pid-namespace, on which pid.signal rests; "
            "add a claim, silent if the documents say nothing",
        ),
        (
            WHOLE[:1],
            "claims/fake.toml: nothing is said of the defence without-cap-sys-ptrace, on which pid.trace rests; "
            "add a claim, silent if the documents say nothing",
        ),
        (
            [*WHOLE, said("c", defences=["pid-namespce"])],
            "claims/fake.toml: defences: 'pid-namespce' is no defence; did you mean 'pid-namespace'? expected one of ",
        ),
        ([*WHOLE, said("c", defences=["share-pid"])], "the hole share-pid takes away pid-namespace; name that"),
        ([*WHOLE, said("c", defences=["*"])], "claims/fake.toml: defences: '*' is no defence; expected one of "),
        ([*WHOLE, said("c", guarantees=["*"])], "claims/fake.toml: guarantees: there is no guarantee '*'; "),
        ([*WHOLE, said("c", guarantees=["pid.*"])], "there is no guarantee 'pid.*'; "),
        ([*WHOLE, WHOLE[0]], "claims/fake.toml: pid-namespace is there twice; keep one of the claims"),
        ([*WHOLE, said("nobody")], "claims/fake.toml: a claim of nothing ('nobody'); name its defences or guarantees"),
        ([said("a", defences="pid-namespace")], "defences = 'pid-namespace'; expected a list of texts"),
        ([said("a", "conditional", defences=["pid-namespace"])], "`conditional` and `when` go together"),
        ([said("a", defences=["pid-namespace"], when={"a": "b"})], "`conditional` and `when` go together"),
        ([said("a", "perhaps", defences=["pid-namespace"])], "pid-namespace: claim = 'perhaps'; expected one of"),
        ([said("a", defences=["pid-namespace"], wen={})], "the key 'wen' is not known; did you mean 'when'?"),
        ([said("a", defences=["pid-namespace"]) | {"source": ""}], "source = ''; expected a text"),
        ([], "claims/fake.toml: no [[claim]]; expected a claim for each defence"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_when_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch, entries: list[dict[str, Any]], told: str
) -> None:
    checked(monkeypatch, WHOLE)
    with pytest.raises(UsageError) as caught:
        checked(monkeypatch, entries)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_guarantee_with_a_claim_of_its_own_needs_none_of_its_defences(monkeypatch: pytest.MonkeyPatch) -> None:
    checked(monkeypatch, [said("a", defences=["pid-namespace"]), said("b", guarantees=["pid.trace"])])


def test_a_technology_without_a_file_is_asked_for_none() -> None:
    claims.check("command", BUILT_IN, set())


# -- what follows for a guarantee -----------------------------------------------------------


def resolved(monkeypatch: pytest.MonkeyPatch, promise: Guarantee, *entries: dict[str, Any]) -> claims.Resolved:
    monkeypatch.setattr(
        claims, "claims_of", lambda technology: claims.parsed({"claim": [*entries]}, "claims/fake.toml")
    )
    return claims.resolve(promise, BoxSpec(technology="fake"))


@pytest.mark.parametrize(
    ("pid", "ptrace", "expected"),
    [
        ("promised", "promised", "promised"),
        ("promised", "disclaimed", "promised"),
        ("silent", "promised", "promised"),
        ("silent", "disclaimed", "disclaimed"),
        ("disclaimed", "silent", "disclaimed"),
        ("disclaimed", "disclaimed", "disclaimed"),
        ("silent", "silent", "silent"),
    ],
)
def test_one_defence_that_is_promised_is_enough(
    monkeypatch: pytest.MonkeyPatch, pid: str, ptrace: str, expected: str
) -> None:
    entries = said("a", pid, defences=["pid-namespace"]), said("b", ptrace, defences=["without-cap-sys-ptrace"])
    found = resolved(monkeypatch, TRACE, *entries)
    assert str(found.claim) == expected
    assert found.says in [word for word, claim in (("a", pid), ("b", ptrace)) if claim == expected]


def test_a_claim_about_the_guarantee_itself_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [*WHOLE, said("by id", "disclaimed", guarantees=["pid.trace"])]
    assert resolved(monkeypatch, TRACE, *entries).says == "by id"
    assert resolved(monkeypatch, SIGNAL, *entries).says == "a"


def test_a_guarantee_of_the_users_rests_on_the_defences_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is called: it is broken by the hole that breaks those of ours."""
    assert resolved(monkeypatch, a_promise("our.rule", share("pid")), *WHOLE).claim is Claim.PROMISED


@pytest.mark.parametrize("hole", [share("uts"), grant("WAKE_ALARM")])
def test_what_is_not_written_is_silent(monkeypatch: pytest.MonkeyPatch, hole: Weakening) -> None:
    found = resolved(monkeypatch, a_promise("our.rule", hole), *WHOLE)
    assert (found.claim, found.known) == (Claim.SILENT, True)


def test_a_technology_without_a_file() -> None:
    found = claims.resolve(SIGNAL, BoxSpec(technology="command"))
    assert (found.claim, found.known) == (Claim.SILENT, False)


SPEC = BoxSpec(
    technology="docker", memory=64 << 20, network="host", options=(("cap_add", ("A", "B")), ("pid_mode", "host")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, True),
        ({"memory": "set"}, True),
        ({"pids": "set"}, False),
        ({"pids": "unset"}, True),
        ({"read_only": True}, False),
        ({"read_only": "unset"}, True),
        ({"network": "host"}, True),
        ({"network": "!host"}, False),
        ({"network": ["unset", "none"]}, False),
        ({"network": ["unset", "host"]}, True),
        ({"cap_add": "B"}, True),
        ({"cap_add": "!B"}, False),
        ({"cap_add": ["!C", "!ALL"]}, True),
        ({"cap_add": ["!C", "!A"]}, False),
        ({"pid_mode": "host", "memory": "set"}, True),
        ({"pid_mode": "host", "memory": "unset"}, False),
        ({"version": ">=20.10"}, True),
        ({"version": ">=20.10.24"}, True),
        ({"version": ">=20.10.25"}, False),
        ({"version": ">=23"}, False),
        ({"accel": "kvm"}, True),
        ({"accel": "tcg"}, False),
        ({"privileged": "!true"}, True),
        ({"nothing": ">=1"}, False),
        ({"root": "true"}, True),
    ],
    ids=str,
)
def test_condition(when: dict[str, Any], expected: bool) -> None:
    facts = {"version": "20.10.24+dfsg1", "accel": "kvm", "root": True}
    assert agrees(when, SPEC, facts) is expected


@pytest.mark.parametrize(
    ("key", "given", "when"),
    [
        ("privileged", "True", "!true"),
        ("privileged", "1", "!true"),
        ("cap_add", "CAP_SYS_ADMIN", ["!SYS_ADMIN", "!ALL"]),
        ("cap_add", ("net_raw", "cap_sys_admin"), ["!SYS_ADMIN", "!ALL"]),
        ("cap_add", "all", ["!SYS_ADMIN", "!ALL"]),
        ("capability", "CAP_SYS_TIME", ["!SYS_TIME", "!all"]),
        ("security_opt", "seccomp:unconfined", "!seccomp=unconfined"),
        ("ipc_mode", "container:web", ["!host", "!container:*"]),
    ],
    ids=str,
)
def test_other_spellings_that_engines_take_take_the_promise_away(key: str, given: Any, when: Any) -> None:
    """red: each opened the box, was compared letter by letter, and the run failed for a promise that nobody made."""
    assert not agrees({key: when}, BoxSpec(technology="docker", options=((key, given),)), {})
    assert agrees({key: when}, BoxSpec(technology="docker"), {})


@pytest.mark.parametrize(
    ("text", "guarantee"),
    [
        ("docker:privileged=True", "mnt.mount-denied"),
        ("docker:cap_add=cap_sys_admin", "mnt.mount-denied"),
        ("docker:security_opt=seccomp:unconfined", "sec.filter-in-force"),
        ("docker:ipc_mode=container:web", "ipc.sibling-queues-unreachable"),
        ("podman:ipc=container:web", "ipc.sibling-queues-unreachable"),
        ("podman:privileged=1", "net.admin-denied"),
    ],
)
def test_what_is_written_otherwise_is_not_promised(text: str, guarantee: str) -> None:
    spec = parse(text)
    assert claims.resolve(guarantee_called(guarantee), spec).claim is Claim.DISCLAIMED
    plain = claims.resolve(guarantee_called(guarantee), BoxSpec(technology=spec.technology))
    assert plain.claim is Claim.PROMISED


def test_a_text_false_is_unset() -> None:
    spec = BoxSpec(technology="docker", options=(("init", "false"),))
    assert agrees({"init": "unset"}, spec, {})
    assert agrees({"init": "!true"}, spec, {})


@pytest.mark.parametrize("here", ["v1", "hybrid", "v2", "none"])
def test_the_control_groups_are_those_of_the_boxs_own_machine(here: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon elsewhere, or in a VM, has its own: what this host mounts says nothing about its containers."""
    monkeypatch.setattr("pytest_isolation.boxes.cgroups.mode", lambda: here)
    box = BoxSpec(technology="docker")
    there = [cgroup_of({"CgroupVersion": "2"}), cgroup_of({"CgroupVersion": "1"}), cgroup_of({})]
    told = [claims.resolve(guarantee_called("cg.ns-root"), box, facts={"cgroup": version}).claim for version in there]
    assert told == [Claim.PROMISED, Claim.DISCLAIMED, Claim.DISCLAIMED]
    assert not agrees({"cgroup": here}, SPEC, {})


def test_the_fact_is_told_by_who_has_a_claim_that_rests_on_it() -> None:
    known = {name: found for name in names() if (found := claims.claims_of(name)) is not None}
    resting = {
        name
        for name, found in known.items()
        for one in (*found.defences.values(), *found.guarantees.values())
        if "cgroup" in one.when
    }
    assert resting == {
        "cri",
        "docker",
        "podman",
        "namespaces",
    }  # tests/technologies/test_limits_asked.py: each tells it
    assert technology("namespaces").facts(BoxSpec(technology="namespaces"))["cgroup"] == cgroups.mode()


@pytest.mark.parametrize(
    ("guarantee", "spec", "facts", "expected"),
    [
        ("pid.signal-out-refused", BoxSpec(technology="docker"), {}, Claim.PROMISED),
        ("pid.signal-out-refused", BoxSpec(technology="docker", options=(("pid_mode", "host"),)), {}, Claim.DISCLAIMED),
        ("mnt.bind-rro-recursive", BoxSpec(technology="docker"), {"version": "20.10.24+dfsg1"}, Claim.DISCLAIMED),
        ("mnt.bind-rro-recursive", BoxSpec(technology="docker"), {"version": "28.3.0"}, Claim.PROMISED),
        ("cg.mem.enforced", BoxSpec(technology="docker", memory=1 << 26), {}, Claim.PROMISED),
        ("cg.mem.enforced", BoxSpec(technology="docker"), {}, Claim.DISCLAIMED),
        ("cg.ns-root", BoxSpec(technology="lxc"), {}, Claim.PROMISED),
        ("cg.ns-root", BoxSpec(technology="lxc", door=Door.EXEC), {}, Claim.DISCLAIMED),
        ("pid.signal-out-refused", BoxSpec(technology="qemu"), {"accel": "kvm"}, Claim.PROMISED),
        ("pid.signal-out-refused", BoxSpec(technology="qemu"), {"accel": "tcg"}, Claim.DISCLAIMED),
        ("pid.signal-out-refused", BoxSpec(technology="chroot"), {}, Claim.DISCLAIMED),
        ("pid.signal-out-refused", BoxSpec(technology="host"), {}, Claim.DISCLAIMED),
        ("net.abstract-unix-isolated", BoxSpec(technology="namespaces"), {}, Claim.PROMISED),
        ("proc.masked-unreadable", BoxSpec(technology="namespaces"), {}, Claim.SILENT),
        ("cg.pids.bounded", BoxSpec(technology="podman"), {"uncontrolled": []}, Claim.PROMISED),
        ("cg.pids.bounded", BoxSpec(technology="podman"), {"uncontrolled": ["cpu", "pids"]}, Claim.DISCLAIMED),
        ("exec.same-cgroup", BoxSpec(technology="podman"), {"uncontrolled": ["pids"]}, Claim.DISCLAIMED),
        ("vol.roots-file-not-left", BoxSpec(technology="lxc"), {"own_users": True}, Claim.PROMISED),
        (
            "vol.roots-file-not-left",
            BoxSpec(technology="lxc"),
            {"own_users": True, "idmapped_volumes": True},
            Claim.DISCLAIMED,
        ),
    ],
    ids=str,
)
def test_claim(guarantee: str, spec: BoxSpec, facts: dict[str, Any], expected: Claim) -> None:
    assert claims.resolve(guarantee_called(guarantee), spec, facts=facts).claim is expected


def test_who_opens_a_hole_takes_the_promise_away() -> None:
    spec = BoxSpec(technology="docker").weakened(share("pid"))
    assert claims.resolve(guarantee_called("pid.signal-out-refused"), spec).claim is Claim.DISCLAIMED
    assert claims.resolve(guarantee_called("mnt.bind-ro"), spec).claim is Claim.PROMISED


def test_a_measured_fact_decides_not_the_keyword_that_left_it_open() -> None:
    asked = BoxSpec(technology="qemu", options=(("accel", "auto"),))
    for accel, claim in (("kvm", Claim.PROMISED), ("tcg", Claim.DISCLAIMED)):
        assert claims.resolve(guarantee_called("pid.signal-out-refused"), asked, facts={"accel": accel}).claim is claim


def test_two_boxes_are_promised_what_both_are() -> None:
    promised = claims.Resolved(claim=Claim.PROMISED, by="docker")
    other = claims.Resolved(claim=Claim.PROMISED, by="podman")
    silent = claims.Resolved(claim=Claim.SILENT, by="host")
    unknown = claims.Resolved(claim=Claim.SILENT, by="command", known=False)
    assert claims.of_all([promised]) is promised
    assert claims.of_all([promised, other]) is promised
    for pair in ([promised, silent], [silent, promised], [unknown, silent], [silent, unknown]):
        assert claims.of_all(pair) is silent
    assert claims.of_all([promised, unknown]) is claims.of_all([unknown, promised]) is unknown


@pytest.mark.parametrize(
    ("text", "guarantee", "expected"),
    [
        ("podman", "port.layer-semantics.owners", Claim.PROMISED),
        ("podman:uidmap=0:100000:1000", "port.layer-semantics.owners", Claim.DISCLAIMED),
        ("podman:userns=auto", "port.same-image-same-result", Claim.DISCLAIMED),
        ("podman:userns=host", "port.layer-semantics.owners", Claim.PROMISED),
        ("podman:network=slirp4netns", "net.host-loopback-unreachable", Claim.PROMISED),
        (
            "podman:network='slirp4netns:mtu=1500,allow_host_loopback=true'",
            "net.host-loopback-unreachable",
            Claim.DISCLAIMED,
        ),
        ("podman:network='pasta:--map-gw'", "net.host-loopback-unreachable", Claim.DISCLAIMED),
        ("podman:network=host", "net.host-loopback-unreachable", Claim.DISCLAIMED),
        ("podman:network=slirp4netns", "net.ipv6-parity", Claim.PROMISED),
        ("podman:network='slirp4netns:allow_host_loopback=true'", "net.ipv6-parity", Claim.DISCLAIMED),
        ("podman:network='pasta:-T,5000'", "net.ipv6-parity", Claim.DISCLAIMED),
        ("podman:network='pasta:--tcp-ns,auto'", "net.host-loopback-unreachable", Claim.DISCLAIMED),
        ("podman:network='pasta:-T,none'", "net.ipv6-parity", Claim.PROMISED),
    ],
)
def test_what_the_users_own_options_take_away_of_podman_is_not_promised(
    text: str, guarantee: str, expected: Claim
) -> None:
    spec = parse(text)
    assert claims.resolve(guarantee_called(guarantee), spec, facts=opted(spec)).claim is expected


@pytest.mark.parametrize("technology", ["docker", "podman", "lxc"])
def test_an_id_map_is_one_fact_with_one_verdict(technology: str) -> None:
    """Owners that the map has not are nobody's in the box, whoever made the map: none of them promises otherwise."""
    spec = BoxSpec(technology=technology)
    for id in ("port.layer-semantics.owners", "port.image-config-honoured.identity"):
        assert claims.resolve(guarantee_called(id), spec, facts={"own_users": True}).claim is Claim.DISCLAIMED


def test_the_example_of_the_documents_speaks_of_each_defence() -> None:
    """Else the package that docs/adding-a-technology.md shows ends every run; tests/packaging installs it."""
    file = Path(__file__).parents[1] / "packaging" / "example" / "pytest_isolation_unshare.toml"
    said = claims.parsed(tomllib.loads(file.read_text()), file.name)
    resting = {defence for promise in BUILT_IN for defence in claims.resting_on(promise)}
    assert sorted(resting - said.defences.keys()) == []
