"""Variables: `.env` files and the interpolation of compose files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pytest_isolation.inception.place import Place, Text, Verbatim

REFERENCE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<bare>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?P<rest>[^{}]*(?:\{[^{}]*\}[^{}]*)*)\})"
)
MAX_VALUE = 10_000
"""Characters: what grows further when its variables are put in stays as it was written."""
ENVIRONMENT = frozenset({"HOME", "USER", "PWD", "LOGNAME", "UID", "HOSTNAME"})
"""What every shell sets: it depends on the machine, not on the submission."""


def read_env(text: str, file: str) -> dict[str, Text]:
    """NAME -> value of an env file; quotes taken off, comments left out."""
    found: dict[str, Text] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if "=" not in line:
            continue
        match = re.match(r"\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)$", line)
        if match:
            value = match[2].strip()
            at = Place(file, number)
            plain = _unquoted(value)
            if value.startswith("'"):
                found[match[1]] = Verbatim(plain, at)
            else:  # values of the lines above, and what stands for one that is nowhere
                found[match[1]] = Text(interpolate(plain, found) if "$" in plain else plain, at)
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] in "'\"":
        end = value.find(value[0], 1)
        if end > 0:
            return value[1:end]
    return re.split(r"\s+#", value)[0].strip()


def interpolate(text: str, known: Mapping[str, str], depth: int = 0) -> str:
    """As compose does.  A variable that nothing tracked gives stays as it was written: `unresolved` finds it."""

    def replaced(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        name, rest = match["bare"] or match["name"], match["rest"] or ""
        value = known.get(name)
        operator, word = re.match(r"(:?[-?+])?(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
        if operator and operator[-1] == "+":
            return interpolate(word, known, depth + 1) if value and depth < 8 else ""
        if value is None or (not value and operator and operator[0] == ":"):
            if operator and operator[-1] == "-":
                return interpolate(word, known, depth + 1) if depth < 8 else word
            return match[0] if value is None else value
        return value

    made = REFERENCE.sub(replaced, text)
    return made if len(made) <= MAX_VALUE else text


def unresolved(text: str) -> list[str]:
    """Names of the variables left in an interpolated text."""
    return [match["bare"] or match["name"] for match in REFERENCE.finditer(text) if not match["escaped"]]


def resolved_map(value: object, known: Mapping[str, str]) -> object:
    """Every text of a YAML value interpolated; keys are not, as in compose."""
    from pytest_isolation.inception.yaml import Map, Seq, Typed

    if isinstance(value, Map):
        made = Map.empty(value.at)
        for key, item in value.items():
            made[key] = resolved_map(item, known)
        return made
    if isinstance(value, Seq):
        row = Seq(resolved_map(item, known) for item in value)
        row.at = value.at
        return row
    if isinstance(value, Text) and "$" in value:
        return Text(interpolate(value, known), value.at)
    if isinstance(value, Typed):
        return value
    return value
