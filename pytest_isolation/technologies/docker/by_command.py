"""What the docker command makes of its options: limits are texts there, and numbers for the daemon."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytest_isolation.errors import BoxError
from pytest_isolation.technologies import program
from pytest_isolation.technologies.docker.daemon import LABEL

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.technologies.docker.daemon import Daemon

TIMEOUT_S = 60


def host_config(
    daemon: Daemon, options: Sequence[str], image: str, lifetime: Lifetime
) -> tuple[dict[str, Any], list[str]]:
    """The fields of HostConfig by which a container that `docker create OPTIONS` makes differs from a plain one.

    And what it warned of.  Raises BoxError with the command's words where it refuses, Unavailable without it.
    """
    key = f"docker plain {daemon.where} {image}"
    if key not in lifetime.kept:
        lifetime.kept[key], _ = _created(daemon, (), image, lifetime)
    plain = lifetime.kept[key]
    found, warned = _created(daemon, options, image, lifetime)
    return {name: value for name, value in found.items() if plain.get(name) != value}, warned


def _created(
    daemon: Daemon, options: Sequence[str], image: str, lifetime: Lifetime
) -> tuple[dict[str, Any], list[str]]:
    """HostConfig of a container that is not started, and goes at once."""
    name = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
    argv = [program.find("docker", "docker-cli, or docker.io"), "--host", daemon.where, "create", "--name", name]
    argv += ["--label", f"{LABEL}={lifetime.run_id}", "--pull", "never", "--network", "none", "--log-driver", "none"]
    lifetime.register("docker:container", f"{name} {daemon.host or ''}".strip())
    try:
        done = program.ended([*argv, *options, image, "/agent"], timeout=TIMEOUT_S)
        if done.returncode:
            raise BoxError(f"docker create: {' '.join(done.stderr.split())}")
        found: dict[str, Any] = daemon.api.inspect_container(name)["HostConfig"]
        return found, [" ".join(line.split()) for line in done.stderr.splitlines() if line.strip()]
    except subprocess.TimeoutExpired:
        raise BoxError(f"docker create did not end within {TIMEOUT_S} seconds") from None
    finally:
        daemon.remove_container(name)
