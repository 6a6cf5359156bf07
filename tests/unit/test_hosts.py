"""Many machines in one run: their runs as one, who deviates, what is published, and who is told to begin when."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from pytest_isolation.guarantees.verdicts import Outcome, Verdict
from pytest_isolation.report import hosts, renderer, terminal
from pytest_isolation.report.redact import redacted
from pytest_isolation.report.run import Run
from pytest_isolation.suite.xdist import ByHost, as_an_end, named
from tests.unit.test_report import RUN, VALIDATOR

OTHER = replace(
    RUN,
    host=replace(RUN.host, kernel="5.10.0"),
    results=tuple(
        replace(row, verdict=Verdict.HOLDS, outcome=Outcome.PASSED)
        if row.guarantee == "net.vsock-not-namespaced"
        else row
        for row in RUN.results
    ),
)
ASKED = replace(RUN, boxes=(), guarantees=(), results=(), notes=(), host=replace(RUN.host))
MERGED = hosts.merged(ASKED, {"web1": RUN, "web2": OTHER, "web3": RUN}, {"web3": "the connection was lost"})


def test_the_report_is_valid_and_read_again_as_it_was() -> None:
    document = json.loads(json.dumps(MERGED.to_json()))
    VALIDATOR.validate(document)
    assert Run.from_json(document) == MERGED
    assert {row["box"].partition("/")[0] for row in document["results"]} == {"web1", "web2", "web3"}
    assert "hosts" not in RUN.to_json()


def test_each_machines_rows_are_its_own() -> None:
    assert len(MERGED.results) == 3 * len(RUN.results)
    for name, of in (("web1", RUN), ("web2", OTHER)):
        assert hosts.apart(MERGED)[name].results == of.results
        assert [box.name for box in hosts.apart(MERGED)[name].boxes] == [box.name for box in RUN.boxes]


def test_every_format_says_who_was_lost_and_why() -> None:
    said = f"LOST web3 after {len(RUN.results)} rows: the connection was lost"
    for text in (terminal.render(MERGED, width=500), renderer("md")(MERGED), renderer("html")(MERGED)):
        flat = " ".join(text.split())
        assert said in flat and "web2: kernel 5.10.0; most have" in flat and hosts.TITLE.lower() in flat.lower()
        assert "web1/docker" in flat
    assert hosts.TITLE.lower() not in terminal.render(RUN, width=500)


def test_what_is_published_names_no_machine() -> None:
    argv = ("--dist", "each", "--tx", "ssh=-i /home/me/key deploy@web1.example.org//id=web1")
    text = json.dumps(redacted(replace(MERGED, run=replace(MERGED.run, argv=argv)).to_json()))
    assert not any(word in text for word in ("web1", "web2", "web3", "deploy", "example.org"))
    assert '"redacted-name-1/docker"' in text


def test_a_machine_is_called_by_its_id_or_its_address() -> None:
    def spec(text: str, id: str, ssh: str | None) -> Any:
        return type("Spec", (), {"__str__": lambda self: text, "id": id, "ssh": ssh})()

    assert named(spec("ssh=root@10.0.0.2//id=web1", "web1", "root@10.0.0.2")) == "web1"
    assert named(spec("ssh=-p 22 root@10.0.0.2", "gw0", "-p 22 root@10.0.0.2")) == "10.0.0.2"
    assert named(spec("popen", "gw1", None)) == "gw1"


class Node:
    """What xdist's scheduler sees of a worker."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def send_runtest_all(self) -> None:
        self.told.append("all")

    def shutdown(self) -> None:
        self.told.append("end")


def test_nobody_waits_for_another() -> None:
    """The second is lost before it has collected, the third never comes: the first has begun and ends the run."""
    first, second, third = Node(), Node(), Node()
    by = ByHost(3)
    by.add_node(first)
    by.add_node(second)
    by.add_node_collection(first, ["a", "b", "c"])
    assert by.collection_is_completed
    by.schedule()
    assert (first.told, second.told) == (["all", "end"], [])
    assert by.lost(second) == (None, 0)
    by.remove_node(second)
    assert not by.tests_finished, "the third may come"
    assert by.lost(third) == (None, 0)
    assert not by.tests_finished
    by.mark_test_complete(first, 0)
    assert by.lost(first) == ("b", 1)
    by.mark_test_complete(first, 1)
    assert by.tests_finished


def test_a_worker_that_is_lost_has_ended_and_is_not_replaced() -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    put = as_an_end(heard.append)
    node = SimpleNamespace()
    put(("testreport", {"node": node}))
    put(("errordown", {"node": node, "error": "Traceback\n  ...\nValueError: no such thing\n"}))
    put(("errordown", {"node": node, "error": "Not properly terminated"}))
    assert [name for name, _ in heard] == ["testreport", "workerfinished"]
    assert node.workeroutput["isolation_lost"] == "ValueError: no such thing"
    assert node.workeroutput["exitstatus"] == 1
