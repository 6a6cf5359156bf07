"""What `sed` makes of a text: `s`, `c`, `d`, `a` and `i` as students write them; anything else is not understood.

Lines stay where they are: one that `d` takes away is left empty, and what `a` and `i` add stands in the line beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MAX_TEXT = 8_000
MAX_LINE = (400, 400, 200, 60, 40)
"""Characters of a line by the repetitions in a pattern: with each, what is tried grows by a power."""
MAX_EDITS = 20
CLASSES = {
    "space": r"\s", "blank": r" \t", "digit": r"\d", "alnum": r"a-zA-Z0-9", "alpha": "a-zA-Z", "upper": "A-Z",
    "lower": "a-z", "punct": r"!-/:-@\[-`{-~",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Edit:
    """One command of a sed script."""

    address: re.Pattern[str] | None
    """Lines that it is about; None: all."""
    old: re.Pattern[str] | None
    """What is replaced; None: the line."""
    new: str
    """With sed's `&` and `\\1`."""
    everywhere: bool = False
    beside: str = ""
    """`a` or `i`: `new` is put behind the line, or before it."""
    last: bool = False
    """It is about the last line alone."""

    def line(self, text: str, fill: Callable[[str], str]) -> str:
        """A line after it; `fill` puts the values of variables into what is new."""
        if any(one is not None and len(text) > MAX_LINE[_many(one.pattern)] for one in (self.address, self.old)):
            return text
        if self.address is not None and not self.address.search(text):
            return text
        if self.beside:
            new = fill(_put(self.new, None))
            return f"{text}\n{new}" if self.beside == "a" else f"{new}\n{text}"
        if self.old is None:
            return fill(self.new)
        return self.old.sub(lambda match: fill(_put(self.new, match)), text, count=0 if self.everywhere else 1)


def edited(text: str, edits: Sequence[Edit], fill: Callable[[str], str]) -> str:
    """A text after all of them, line by line; one that is too long stays as it is."""
    if len(text) > MAX_TEXT:
        return text
    return "\n".join(line.replace("\n", " ") for line in edited_lines(text.split("\n"), edits, fill))


def edited_lines(lines: Sequence[str], edits: Sequence[Edit], fill: Callable[[str], str]) -> list[str]:
    """Lines after all of them; one beside which something was added has a line end in it."""
    found = []
    for number, line in enumerate(lines, 1):
        for one in edits[:MAX_EDITS]:
            if not one.last or number == len(lines):
                line = one.line(line, fill)
        found.append(line)
    return found


def read(words: Sequence[str]) -> list[Edit] | None:
    """The script of `sed WORDS…`; None where a part of it is not understood."""
    scripts, rest, extended = [], list(words[1:]), False
    plain: list[str] = []
    while rest:
        word = rest.pop(0)
        if word in ("-e", "--expression") and rest:
            scripts.append(rest.pop(0))
        elif word.startswith("--expression="):
            scripts.append(word.partition("=")[2])
        elif word in ("--regexp-extended",) or re.fullmatch(r"-[iEr]*[Er][iEr]*(\.\w+)?", word):
            extended = True
        elif re.fullmatch(r"-i(\.?\w+|~)?|--in-place(=.*)?", word):
            continue
        elif word.startswith("-"):
            return None
        else:
            plain.append(word)
    if not scripts:
        scripts = plain[:1]
    found: list[Edit] = []
    for script in scripts:
        if (edits := _edits(script, extended)) is None:
            return None
        found += edits
    return found


ADDRESS = re.compile(r"/((?:[^/\\\n]|\\.)+)/\s*(?=[scdai])")
REPLACES = re.compile(
    r"s(?P<mark>[^\w\s\\])(?P<old>(?:\\.|(?!(?P=mark))[^\\])+)(?P=mark)(?P<new>(?:\\.|(?!(?P=mark))[^\\])*)"
    r"(?P=mark)(?P<flags>[gIi]*)"
)
OTHER = re.compile(r"d|(?P<do>[cai])(?:[ \t]*\\[ \t]*\n?|[ \t])[ \t]*(?P<line>[^\n]*)")
LAST = re.compile(r"\$[ \t]*(?P<do>[ai])(?:[ \t]*\\[ \t]*\n?|[ \t]*)(?P<line>[^\n]*)")
END = re.compile(r"[ \t]*(?:;|\n|$)\s*")


def _edits(script: str, extended: bool) -> list[Edit] | None:
    found: list[Edit] = []
    at, script = 0, script.strip()
    while at < len(script):
        address = None
        if match := ADDRESS.match(script, at):
            if (address := pattern(match[1], extended)) is None:
                return None
            at = match.end()
        if match := REPLACES.match(script, at):
            mark, flags = match["mark"], match["flags"]
            text = match["old"] if mark in ".*[]^$+?(){}|" else match["old"].replace(f"\\{mark}", mark)
            old = pattern(text, extended, ignore_case="i" in flags.lower())
            if old is None:
                return None
            found.append(Edit(address, old, match["new"].replace(f"\\{mark}", mark), "g" in flags))
        elif address is not None and (match := OTHER.match(script, at)):
            beside = match["do"] if match["do"] in ("a", "i") else ""
            found.append(Edit(address, None, match["line"] or "", beside=beside or ""))
        elif match := LAST.match(script, at):
            found.append(Edit(None, None, match["line"], beside=match["do"], last=True))
        else:
            return None
        end = END.match(script, match.end())
        if end is None:
            return None
        at = end.end()
    return found


def pattern(text: str, extended: bool, *, ignore_case: bool = False) -> re.Pattern[str] | None:
    """sed's regular expression; None for one with a variable, with too many repetitions, or with a repeated group."""
    if re.search(r"(?<!\\)\$\{?[A-Za-z_]", text) or "`" in text:
        return None
    made, at = "", 0
    while at < len(text):
        char = text[at]
        pair = text[at : at + 2]
        if char == "[":
            match = re.compile(r"\[\^?\]?(?:\[:\w+:\]|[^\]])*\]").match(text, at)
            if match is None:
                return None
            inner = match[0][1:-1].replace("\\", "\\\\").replace("[:", "\0:")
            inner = re.sub(r"\0:(\w+):\]", lambda one: CLASSES.get(one[1], ""), inner)
            made += f"[{inner}]"
            at = match.end()
            continue
        special = char in "(){}+?|" if extended else (char == "\\" and pair[1:] in tuple("(){}+?|"))
        sign = char if extended else pair[1:]
        if special or (char == "*" and made not in ("", "^")):
            sign = sign if special else "*"
            if sign in "*+?{" and made.endswith(")"):
                return None
            made += sign
            at += 1 if extended or char == "*" else 2
        elif char == "\\":
            made += pair if pair[1:] in tuple("sSwWbB") else re.escape(pair[1:])
            at += 2
        elif char == ".":
            made, at = made + ".", at + 1
        elif (char == "^" and not made) or (char == "$" and at == len(text) - 1):
            made, at = made + char, at + 1
        else:
            made, at = made + re.escape(char), at + 1
    if _many(made) >= len(MAX_LINE):
        return None
    try:
        return re.compile(made, re.I if ignore_case else 0)
    except re.error:
        return None


def _many(made: str) -> int:
    """Repetitions without an end in a pattern as this module makes it."""
    return len(re.findall(r"(?<!\\)[*+{]", made))


def _put(new: str, match: re.Match[str] | None) -> str:
    """What is new, with the parts of what was found in it."""

    def part(one: re.Match[str]) -> str:
        if one[0] == "&":
            return match[0] if match is not None else "&"
        if one[1].isdigit():
            return (match[int(one[1])] or "") if match is not None and int(one[1]) <= match.re.groups else ""
        return {"n": " " if match is not None else "\n", "t": "\t"}.get(one[1], one[1])

    return re.sub(r"\\(.)|&", part, new)
