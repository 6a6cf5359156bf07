"""The host name that a box was asked to have: what a call tells, and what a file says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_isolation.agent.shortcuts import must, read
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.outside.transfer.carried import alike

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box

FILE = "/etc/hostname"
FIELD = 65
"""Bytes of each field of uname(2), of which the second is the name."""
OF_IMAGE = "of-the-image"


def named(box: Box, name: str) -> Mapping[str, str]:
    """Where a process of a box that is asked to have `name` finds one -> which; the file where there is one.

    Its image was made on a machine of another name.  Raises Unsupported where boxes have no name of their own, and
    BoxError.
    """
    image = Image((Entry(path=FILE[1:].encode(), kind="file", data=f"{OF_IMAGE}\n".encode()),))
    with alike(box, hostname=name, image=image, uid=0, gid=0, workdir="/") as fresh:
        told = must(fresh.proc.uname(), "its name").data[FIELD : 2 * FIELD].partition(b"\0")[0]
        said = read(fresh.proc, FILE)
    return {"uname": os.fsdecode(told)} | ({FILE: os.fsdecode(said.data.strip())} if said.ok else {})
