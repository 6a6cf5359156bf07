"""The badge as a picture that needs no service: see badge.py."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from pytest_isolation.report.badge import badge

if TYPE_CHECKING:
    from pytest_isolation.report.run import Run

COLOURS = {"brightgreen": "#2c7a1f", "yellow": "#8a6100", "red": "#b3261e", "lightgrey": "#5f6368"}
"""White letters on them have a contrast of 4.5 or more (WCAG 2.2, 1.4.3)."""
LETTER = 7.0
"""Of Verdana at 11 px, a little more than the mean; `textLength` makes the text fit."""


def render(run: Run, *, width: int = 100, color: bool = False) -> str:
    """`width` and `color` mean nothing here; every renderer takes them."""
    one = badge(run)
    left, right = (round(len(text) * LETTER) + 12 for text in (one.label, one.message))
    whole = left + right
    said = escape(f"{one.label}: {one.message}")
    texts = "".join(
        f'<text x="{at + 6}" y="14" textLength="{size - 12}">{escape(text)}</text>'
        for text, at, size in ((one.label, 0, left), (one.message, left, right))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{said}">'
        f"<title>{said}</title>"
        f'<rect width="{left}" height="20" fill="#3c4043"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{COLOURS[one.colour]}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g></svg>\n'
    )
