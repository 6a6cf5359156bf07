"""Rows of a report, made of what a run knows: pure functions of facts that were gathered before."""

from pytest_isolation.suite.gather import box_row, guarantee_row, host_facts, run_facts

__all__ = ["box_row", "guarantee_row", "host_facts", "run_facts"]
