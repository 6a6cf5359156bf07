"""Hypothesis strategies the checks share: harmless by construction."""

from __future__ import annotations

import signal

from hypothesis import strategies as st

CATCHABLE = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
"""SIGKILL and SIGSTOP would end a canary before it could testify."""


def catchable_signals() -> st.SearchStrategy[int]:
    return st.sampled_from([int(one) for one in CATCHABLE])


def tokens() -> st.SearchStrategy[str]:
    """A word nobody else uses: 16 random letters behind a prefix."""
    return st.text("abcdefghijklmnopqrstuvwxyz", min_size=16, max_size=16).map(lambda text: f"pytest-isolation-{text}")


def file_names() -> st.SearchStrategy[str]:
    """Names for files of our own: never one that is there already."""
    return tokens().map(lambda token: f"{token}.mark")


def payloads() -> st.SearchStrategy[bytes]:
    """Contents, never empty."""
    return st.binary(min_size=1, max_size=200)


def unprivileged_ports() -> st.SearchStrategy[int]:
    """Above what the kernel hands out by itself (32768 to 60999)."""
    return st.integers(61_000, 65_535)
