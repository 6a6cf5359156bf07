"""WordPress's users as an SQL dump has them: INSERTs of the tables `users` and `usermeta`, whatever their prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator

INSERT = re.compile(
    r"\bINSERT\s+(?:IGNORE\s+)?INTO\s+[`\"]?\w*_(users|usermeta)[`\"]?\s*(?:\(([^()]*)\)\s*)?VALUES\s*", re.I
)
STRING = r"'(?:[^'\\]|\\.){0,200}'"
CALL = rf"\((?:[^()']|{STRING}|\((?:[^()']|{STRING}|\(\)){{0,100}}\)){{0,100}}\)"
VALUE = re.compile(rf"\s*(?:'((?:[^'\\]|\\.|'')*)'|([^\s,()';](?:[^,()';]|{CALL}){{0,200}}))\s*([,)])")
"""A string, or what has no quotes: a number, NULL, a call as `NOW()` and `MD5('x')`.  With bounds: else one INSERT that
does not end is read to the end of the file, and so is the next."""
COLUMNS = {
    "users": ("id", "user_login"),
    "usermeta": ("umeta_id", "user_id", "meta_key", "meta_value"),
}
"""In the order of the tables, where the INSERT names none; of `users` what is asked for."""
MAX_ROWS = 5_000


def administrators(text: str) -> list[tuple[str, int]]:
    """(login, line) of every user whom the dump makes administrator."""
    logins: dict[str, tuple[str, int]] = {}
    chosen: list[str] = []
    for table, row, line in _rows(text):
        if table == "users" and "user_login" in row:
            logins[row.get("id", "")] = row["user_login"], line
        elif "capabilities" in row.get("meta_key", "") and re.search(r"\badministrator\b", row.get("meta_value", "")):
            chosen.append(row.get("user_id", ""))
    return [logins[one] for one in chosen if one in logins]


def _rows(text: str) -> Iterator[tuple[str, dict[str, str], int]]:
    """(table, column -> value, line); columns in lower case."""
    for match in INSERT.finditer(text):
        table = match[1].lower()
        named = [one.strip(' `"\n\t').lower() for one in match[2].split(",")] if match[2] else COLUMNS[table]
        at = match.end()
        for _ in range(MAX_ROWS):
            begin = re.compile(r"[\s,]*\(").match(text, at)
            if begin is None:
                break
            at, values, closed = begin.end(), [], False
            while not closed and (value := VALUE.match(text, at)):
                values.append(value[2] if value[1] is None else re.sub(r"\\(.)", r"\1", value[1]))
                at, closed = value.end(), value[3] == ")"
            if not closed:
                break
            yield table, dict(zip(named, values, strict=False)), text.count("\n", 0, begin.start()) + 1
