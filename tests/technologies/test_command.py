"""Boxes of any launcher: what a command must be, what is judged, and what is said when it does not work."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_isolation import BoxError, BoxSpec, Unavailable, Unsupported, UsageError
from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.options.boxes import parse, unparse
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.pool import Pool
from tests.support import COMMAND, built_in_checks, need

FIREJAIL = "firejail --quiet --noprofile --net=none {agent}"
ONE = technology("command")


def spec_of(text: str) -> BoxSpec:
    return BoxSpec(technology="command", options=(("", text),))


def test_the_text_of_a_box() -> None:
    spec = parse(f'sandbox=command:"{COMMAND}"')
    assert spec.name == "sandbox"
    assert spec.option("") == COMMAND
    assert parse(unparse(spec)) == spec


@pytest.mark.parametrize("text", [COMMAND, FIREJAIL, "nice {agent}", "sh -c 'exec \"$0\"' {agent}"])
def test_a_launcher(run: Lifetime, text: str) -> None:
    need("command")
    with ONE.launch(spec_of(text), run) as box:
        assert box.alive
        pid = box.parts.init_pid
        assert os.path.samefile(f"/proc/{pid}/exe", agent_binary())
        isolated = os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid")
        assert isolated is (text in (COMMAND, FIREJAIL))
        if box.parts.group is not None:
            assert pid in box.parts.group.pids()


@pytest.mark.parametrize(
    ("words", "verdict"), [("", "violated"), ("--die-with-parent ", "holds"), ("--as-pid-1 ", "violated")]
)
def test_a_command_that_stays_is_killed(run: Lifetime, words: str, verdict: str) -> None:
    """bwrap is there while its box is: without --die-with-parent the box goes on."""
    need("command")
    text = COMMAND.replace("--die-with-parent ", words)
    promise, check = next(pair for pair in built_in_checks() if pair[0].id == "life.parent-death")
    pool = Pool(run)
    try:
        ran = run_property(promise, check, pool.box(spec_of(text)), examples=1, seed=1, phases=PROVING)
    finally:
        pool.close()
    assert (ran.trouble, ran.unsupported) == (None, None)
    assert ("violated" if ran.violation else "holds") == verdict


def test_a_command_that_becomes_the_agent_leaves_nobody(run: Lifetime) -> None:
    need("command")
    with ONE.launch(spec_of("nice {agent}"), run) as box:
        assert box.parts.life.launcher is None


def test_the_agents_path_may_be_named_twice(run: Lifetime) -> None:
    need("command")
    text = "bwrap --unshare-all --tmpfs / --proc /proc --dev /dev --ro-bind {agent} {agent} {agent}"
    with ONE.launch(spec_of(text), run) as box:
        assert box.alive
        assert not box.proc.faccessat(AT_FDCWD, "/usr", os.F_OK).ok


def test_a_sandbox_that_hides_the_agent(run: Lifetime) -> None:
    need("command")
    with pytest.raises(BoxError) as caught:
        ONE.launch(spec_of("bwrap --unshare-all --tmpfs / {agent}"), run)
    said = str(caught.value)
    assert "No such file or directory" in said, "the launcher's own words"
    assert os.fspath(agent_binary()) in said
    assert "bind or allow that file" in said


def test_a_launcher_that_starts_something_else(run: Lifetime) -> None:
    with pytest.raises(BoxError, match="did not start the agent"):
        ONE.launch(spec_of("true {agent}"), run)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bwrap --unshare-all", "its last word is to be {agent}"),
        ("{agent}", "a program before it"),
        ("bwrap {agent} --help", "its last word is to be {agent}"),
        ("bwrap 'x {agent}", "No closing quotation"),
    ],
)
def test_a_command_that_is_none(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        ONE.check_available(spec_of(text))
    assert told in str(caught.value)


def test_two_commands() -> None:
    with pytest.raises(UsageError, match="2 bare values"):
        ONE.check_available(parse('command:"nice {agent}","nice {agent}"'))


def test_no_command_is_not_available() -> None:
    with pytest.raises(Unavailable, match=r"no command was given; give one that ends in \{agent\}: --box"):
        ONE.check_available(BoxSpec(technology="command"))


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(Unavailable, match="no-such-launcher is no program in PATH"):
        ONE.check_available(spec_of("no-such-launcher {agent}"))


@pytest.mark.parametrize("change", ["read_only=true", "uid=5", "image=/x", "network=none", "workdir=/tmp"])
def test_what_the_command_decides(change: str) -> None:
    with pytest.raises(Unsupported, match="the command decides that"):
        ONE.check_available(parse(f'command:"nice {{agent}}",{change}'))


def test_an_open_sandbox_does_not_pass(tmp_path: Path) -> None:
    """Judged by profile `container`: a launcher that isolates nothing fails the run."""
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--isolation", "--box"]
    argv += ['command:"nice {agent}"', "--isolation-only", "pid.signal-out-refused"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "required by profile container" in " ".join(done.stdout.split())
    argv[argv.index('command:"nice {agent}"')] = f"command:{shlex.quote(COMMAND)}"
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
