"""Whole machines: a virtual machine with a Debian and a Docker daemon in it, made from packages and kept as a file.

The daemon's kernel is then not this one, as with Docker Desktop; its control groups are v2 and nothing else; and what
runs in it cannot hurt the machine it runs on.

    with Lifetime() ... start(lifetime) as machine:
        docker.DockerClient(base_url=machine.address)
        machine.run(["docker", "version"])
"""

from __future__ import annotations

from pytest_isolation.machines.docker import DockerMachine, start
from pytest_isolation.machines.recipe import Recipe, image

__all__ = ["DockerMachine", "Recipe", "image", "start"]
