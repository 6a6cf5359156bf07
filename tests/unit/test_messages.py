"""What processes of a run tell each other arrives as it was said, over a wire that takes plain data alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Claim, Control, How, Key, Oracle, Outcome, Verdict
from pytest_isolation.report.rows import Row
from pytest_isolation.report.run import Evidence, ResultRow
from pytest_isolation.suite.messages import (
    Agreed,
    Closed,
    Measured,
    Process,
    Proof,
    Told,
    arrived,
    carried,
    tell,
    told_by,
)

ROW = ResultRow(
    box="docker",
    guarantee="pid.siblings-hidden",
    door=Door.EXEC,
    sibling="podman",
    verdict=Verdict.VIOLATED,
    how=How.REFUSED,
    oracle=Oracle.WITNESS,
    claim=Claim.PROMISED,
    required_by="claim",
    outcome=Outcome.FAILED,
    control=Control.FIRED,
    control_box="namespaces",
    examples=3,
    coverage="sampled",
    rate_below_95=None,
    seconds=0.25,
    reason="broken",
    evidence=(Evidence(message="m", example={"n": "0"}, calls=("getpid() = 1",), proof=(0,), observed={"x": [1]}),),
    tests={"a::b": "violated"},
    proofs={"docker": Control.SILENT},
)
SAID = [
    Told(row=ROW),
    Told(closed=Closed(box="lxc", door=Door.START, reason="none here", remedy="install it")),
    Told(proof=Proof(box="runc", guarantee="pid.x", state=Control.NONE, reason=None)),
    Measured(told=Told(row=ROW), facts={"docker": {"version": "29"}}),
    Process(planned=(ROW.key,), known=("a",), starts={"docker": (1.5,)}, notes={"docker": ("n",)}),
    Agreed(run_id="1", seed=2, only_built_in=True, controls="/c", unavailable={"lxc": "no"}),
]


@pytest.mark.parametrize("said", SAID, ids=["row", "closed", "proof", "measured", "process", "agreed"])
def test_it_arrives_as_it_was_said(said: Row) -> None:
    heard = type(said).from_json(json.loads(json.dumps(said.to_json())))
    assert heard == said


def test_keys_and_words_are_of_their_types() -> None:
    heard = Process.from_json(json.loads(json.dumps(SAID[4].to_json())))
    assert isinstance(heard.planned[0], Key)
    row = Told.from_json(json.loads(json.dumps(SAID[0].to_json()))).row
    assert row is not None
    assert (row.verdict is Verdict.VIOLATED, row.proofs["docker"] is Control.SILENT) == (True, True)


def test_it_goes_on_the_report_of_its_test(request: pytest.FixtureRequest) -> None:
    """As pytest-xdist sends one: the hooks of pytest, and JSON for the wire."""
    report = pytest.TestReport("a::b", ("a", 1, "b"), {}, "passed", None, "call")
    assert told_by(report) is None
    tell(report, Told(row=ROW))
    hook = request.config.hook
    sent: dict[str, Any] = carried(hook.pytest_report_to_serializable(config=request.config, report=report))
    got = hook.pytest_report_from_serializable(config=request.config, data=json.loads(json.dumps(sent)))
    arrived(got)
    assert told_by(got) == Told(row=ROW)
