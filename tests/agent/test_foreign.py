"""What is on the agent's channel and no frame is told as words, and what a program said is its error."""

from __future__ import annotations

import pytest

from pytest_isolation.agent.client import Agent
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import AgentLost, BoxError, WireError
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.telling import telling
from tests.agent.test_wire import HELLO, peer_that_sends

REFUSED = "OCI runtime exec failed: exec failed: unable to start container process: no such file or directory: unknown"


def _said(data: bytes) -> str:
    with peer_that_sends(data) as channel, pytest.raises(AgentLost) as caught:
        Agent(channel, hello_timeout=0.5).proc.getpid()
    return str(caught.value)


@pytest.mark.parametrize("text", [REFUSED, "no", "2026-11-28 10:00:00 ready"])
def test_words_where_a_frame_was_expected(text: str) -> None:
    said = _said(f"{text}\r\n".encode())
    assert f"wrote {text!r} where the frame of the agent was expected" in said
    assert "bytes, expected at most" not in said


def test_words_before_the_agent_are_the_launchers() -> None:
    said = _said(b"2026-11-28 ready\n" + HELLO)
    assert "what starts the agent wrote '2026-11-28 ready' to its standard output" in said
    assert "standard error" in said


def test_words_after_its_hello() -> None:
    assert "wrote 'Killed by the watchdog' where a frame" in _said(HELLO + b"Killed by the watchdog\n")


def test_what_is_no_text_is_still_a_number() -> None:
    with peer_that_sends(b"\xff\xfe\x00\x01" * 20) as channel, pytest.raises(WireError, match="a frame of"):
        Agent(channel, hello_timeout=0.5)


def test_a_launcher_that_greets() -> None:
    """A real one, and a real agent behind it."""
    lifetime = Lifetime()
    try:
        with pytest.raises(BoxError, match="wrote 'welcome to the sandbox' to its standard output"):
            technology("command").launch(
                parse("""command:"sh -c 'echo welcome to the sandbox; exec \\"$0\\"' {agent}\""""), lifetime
            )
    finally:
        lifetime.close()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('time="2026" level=warning msg="old cgroups"\nError: netavark: nft: not found\n',
         "Error: netavark: nft: not found"),
        ("Warning: cgroup v1 is deprecated.\nFailed to mount: Operation not permitted\n",
         "Failed to mount: Operation not permitted"),
        ("Warning: only this\n", "Warning: only this"),
        ("one\ntwo\nthree\nfour\nbwrap: Can't mkdir /x: Read-only file system\nfive\n",
         "bwrap: Can't mkdir /x: Read-only file system"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_error_and_not_the_warning_before_it(data: str, expected: str) -> None:
    assert telling(data) == expected
