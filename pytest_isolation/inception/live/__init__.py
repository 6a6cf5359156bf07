"""The running stack: looked at where its author started it, or a copy built and started, and put through the sheet.

copy ─► supply (.env, secrets) ─► plan (compose config) ─► taken (is it free? what will it leave?) ─► make
     ─► look, visit, crash, stop, down and up: facts ─► judge ─► rows L…
"""

from __future__ import annotations

from pytest_isolation.inception.live.audit import Way, audit_running, audit_started
from pytest_isolation.inception.live.judge import nothing_seen
from pytest_isolation.inception.live.look import LABEL, running
from pytest_isolation.inception.live.venue import Here, StackView

__all__ = ["LABEL", "Here", "StackView", "Way", "audit_running", "audit_started", "nothing_seen", "running"]
