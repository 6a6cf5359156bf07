"""What a caller leaves open for a box: real descriptors, at numbers that every launcher can start with."""

from __future__ import annotations

import os
import secrets

from pytest_isolation.boxes.caller import FURTHER, KINDS, LEFT, left_open

RUNSC = range(256, 259)
"""Where runsc puts the box's 0, 1 and 2 in the sandbox process: it ends when one of them is taken."""


def test_each_kind_is_one_open_descriptor_and_none_stays() -> None:
    kinds = {kind: 100 + 7 * place for place, kind in enumerate((*KINDS, *FURTHER))}
    with left_open(secrets.token_hex(8), kinds) as numbers:
        assert len({os.fstat(number).st_ino for number in numbers}) >= len(KINDS)
        assert len(set(numbers)) == len(kinds)
    for number in numbers:
        try:
            os.fstat(number)
        except OSError:
            continue
        raise AssertionError(f"{number} is still open")


def test_no_number_is_one_that_runsc_needs() -> None:
    kinds = dict.fromkeys((*KINDS, *FURTHER), LEFT)
    with left_open(secrets.token_hex(8), kinds) as numbers:
        assert not set(numbers) & set(RUNSC)
