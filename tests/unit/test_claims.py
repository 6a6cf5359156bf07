"""What technologies claim: the committed files, and how they are looked up for one box."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import drop, share
from pytest_isolation.guarantees import claims, data
from pytest_isolation.guarantees.conditions import agrees
from pytest_isolation.guarantees.verdicts import Claim
from pytest_isolation.options.boxes import parse
from pytest_isolation.suite.collect import built_in_guarantees
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.docker.daemon import cgroup_of
from pytest_isolation.technologies.podman.arguments import opted

FILES = data.names("claims")


def test_the_five_technologies_have_a_file() -> None:
    assert set(FILES) >= {"host", "chroot", "namespaces", "docker", "qemu"}


@pytest.mark.parametrize("technology", FILES)
def test_the_file_is_sound(technology: str) -> None:
    document: Any = data.read("claims", technology)
    assert document["technology"] == technology
    assert set(document) == {"technology", "claim"}
    for entry in document["claim"]:
        assert set(entry) <= {"guarantees", "claim", "source", "says", "when"}
        assert entry["source"]
        assert entry["says"]
        assert len(entry["says"]) <= 110, "a paraphrase, not a quotation"
    assert claims.statements(technology)


@pytest.mark.parametrize("technology", FILES)
def test_every_guarantee_has_a_claim_with_its_source(technology: str) -> None:
    missing = [one.id for one in built_in_guarantees() if claims.lookup(technology, one.id) is None]
    assert missing == []


@pytest.mark.parametrize("technology", FILES)
def test_a_resolved_claim_is_never_conditional(technology: str) -> None:
    for one in built_in_guarantees():
        assert claims.resolve(one.id, BoxSpec(technology=technology)).claim is not Claim.CONDITIONAL


def test_the_most_particular_pattern_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    def said(word: str) -> claims.Statement:
        return claims.Statement(claim=Claim.PROMISED, source="s", says=word)

    known = {"*": said("all"), "cg.*": said("domain"), "cg.mem.*": said("part"), "cg.mem.enforced": said("one")}
    monkeypatch.setattr(claims, "statements", {"fake": known}.get)
    for guarantee, expected in [
        ("cg.mem.enforced", "one"), ("cg.mem.swap", "part"), ("cg.pids.enforced", "domain"), ("net.x", "all"),
    ]:  # fmt: skip
        found = claims.lookup("fake", guarantee)
        assert found is not None
        assert found.says == expected


def test_what_is_not_written_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "statements", {"fake": {}}.get)
    found = claims.resolve("pid.x", BoxSpec(technology="fake"))
    assert (found.claim, found.known) == (Claim.SILENT, True)


def test_a_technology_without_a_file() -> None:
    found = claims.resolve("pid.x", BoxSpec(technology="command"))
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
    told = [claims.resolve("cg.ns-root", box, facts={"cgroup": version}).claim for version in there]
    assert told == [Claim.PROMISED, Claim.DISCLAIMED, Claim.DISCLAIMED]
    assert not agrees({"cgroup": here}, SPEC, {})


def test_the_fact_is_told_by_who_has_a_claim_that_rests_on_it() -> None:
    resting = {name for name in names() for said in (claims.statements(name) or {}).values() if "cgroup" in said.when}
    assert resting == {"docker", "podman", "namespaces"}  # tests/technologies/test_limits_asked.py: each tells it
    assert technology("namespaces").facts(BoxSpec(technology="namespaces"))["cgroup"] == cgroups.mode()


@pytest.mark.parametrize(
    ("guarantee", "spec", "facts", "expected"),
    [
        ("pid.signal-out-refused", BoxSpec(technology="docker"), {}, Claim.PROMISED),
        ("pid.signal-out-refused", BoxSpec(technology="docker", options=(("pid_mode", "host"),)), {}, Claim.DISCLAIMED),
        ("net.vsock-not-namespaced", BoxSpec(technology="docker"), {"version": "20.10.24+dfsg1"}, Claim.DISCLAIMED),
        ("net.vsock-not-namespaced", BoxSpec(technology="docker"), {"version": "28.3.0"}, Claim.PROMISED),
        ("cg.mem.enforced", BoxSpec(technology="docker", memory=1 << 26), {}, Claim.PROMISED),
        ("cg.mem.enforced", BoxSpec(technology="docker"), {}, Claim.DISCLAIMED),
        ("cg.ns-root", BoxSpec(technology="lxc"), {}, Claim.PROMISED),
        ("cg.ns-root", BoxSpec(technology="lxc", door="exec"), {}, Claim.DISCLAIMED),
        ("pid.signal-out-refused", BoxSpec(technology="qemu"), {"accel": "kvm"}, Claim.PROMISED),
        ("pid.signal-out-refused", BoxSpec(technology="qemu"), {"accel": "tcg"}, Claim.DISCLAIMED),
        ("pid.signal-out-refused", BoxSpec(technology="chroot"), {}, Claim.DISCLAIMED),
        ("pid.signal-out-refused", BoxSpec(technology="host"), {}, Claim.DISCLAIMED),
        ("net.abstract-unix-isolated", BoxSpec(technology="namespaces"), {}, Claim.PROMISED),
        ("net.vsock-not-namespaced", BoxSpec(technology="namespaces"), {}, Claim.SILENT),
    ],
    ids=str,
)
def test_claim(guarantee: str, spec: BoxSpec, facts: dict[str, Any], expected: Claim) -> None:
    assert claims.resolve(guarantee, spec, facts=facts).claim is expected


def test_who_opens_a_hole_takes_the_promise_away() -> None:
    spec = BoxSpec(technology="docker").weakened(share("pid"))
    both = frozenset({share("pid"), drop("seccomp")})
    assert claims.resolve("pid.signal-out-refused", spec, falsified_by=both).claim is Claim.DISCLAIMED
    assert claims.resolve("mnt.bind-ro", spec, falsified_by=frozenset({drop("read-only")})).claim is Claim.PROMISED


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([{"guarantees": ["a.b"], "claim": "conditional", "source": "s", "says": "t"}], "go together"),
        ([{"guarantees": ["a.b"], "claim": "promised", "source": "s", "says": "t", "when": {"a": "b"}}], "go together"),
        ([{"guarantees": ["a.b", "a.b"], "claim": "promised", "source": "s", "says": "t"}], "twice"),
        ([{"guarantees": ["a.b"], "claim": "perhaps", "source": "s", "says": "t"}], "perhaps"),
    ],
)
def test_a_malformed_file(monkeypatch: pytest.MonkeyPatch, entries: list[dict[str, Any]], told: str) -> None:
    monkeypatch.setattr(data, "read", lambda folder, name: {"claim": entries})
    with pytest.raises(ValueError, match=told):
        claims.statements.__wrapped__("fake")


def test_a_measured_fact_decides_not_the_keyword_that_left_it_open() -> None:
    asked = BoxSpec(technology="qemu", options=(("accel", "auto"),))
    for accel, claim in (("kvm", Claim.PROMISED), ("tcg", Claim.DISCLAIMED)):
        assert claims.resolve("pid.signal-out-refused", asked, facts={"accel": accel}).claim is claim


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
    ],
)
def test_what_the_users_own_options_take_away_of_podman_is_not_promised(
    text: str, guarantee: str, expected: Claim
) -> None:
    spec = parse(text)
    assert claims.resolve(guarantee, spec, facts=opted(spec)).claim is expected


@pytest.mark.parametrize("technology", ["docker", "podman", "lxc"])
def test_an_id_map_is_one_fact_with_one_verdict(technology: str) -> None:
    """Owners that the map has not are nobody's in the box, whoever made the map: none of them promises otherwise."""
    spec = BoxSpec(technology=technology)
    for guarantee in ("port.layer-semantics.owners", "port.image-config-honoured.identity"):
        assert claims.resolve(guarantee, spec, facts={"own_users": True}).claim is Claim.DISCLAIMED
