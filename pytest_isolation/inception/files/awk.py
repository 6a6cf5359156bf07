"""What `awk` prints of a text, as students use it: patterns, `print`, `sub`, `gsub`, `next`, `if`, variables.

Anything else is not understood.  Each line of the text becomes what is printed while awk is at it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_isolation.inception import sed

MAX_PROGRAM = 4_000
MAX_LINES = 2_000
MAX_LINE = 2_000

TOKEN = re.compile(
    r"(?P<space>[ \t]+|\\\n|\#[^\n]*)|(?P<string>\"(?:\\.|[^\"\\\n])*\")|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>==|!=|<=|>=|&&|\|\||!~|\+\+|\+=|[-+<>=!~,;(){}$\n\[\]])"
)
REGEX = re.compile(r"/((?:\\.|\[[^\]\n]*\]|[^/\\\n])+)/")
ESCAPED = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "/": "/"}


class NotUnderstood(Exception):
    """A part of the program."""


@dataclass(slots=True)
class Run:
    """awk at one line."""

    line: str = ""
    number: int = 0
    values: dict[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)
    between: str = ""
    """FS; "" for white space."""

    @property
    def fields(self) -> list[str]:
        """$1 and what follows."""
        return self.line.split(self.between) if self.between else self.line.split()


class Next(Exception):
    """`next`"""


Value = Callable[[Run], str]
Action = Callable[[Run], None]


@dataclass(slots=True)
class Item:
    """PATTERN { ACTION }"""

    when: str
    """BEGIN, END, or "" for each line."""
    test: Value | None
    until: Value | None
    does: Action
    inside: bool = False


def edited(words: Sequence[str], lines: Sequence[str], environment: Mapping[str, str]) -> list[str] | None:
    """Of each line what is printed, with line ends in it; None where the program is not understood.

    `words` are awk's options and its program; a file that it reads is none of them.
    """
    run = Run(environment=environment)
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-v", "-F") and rest:
            option += rest.pop(0)
        if option.startswith("-v") and "=" in option:
            name, _, value = option[2:].partition("=")
            run.values[name] = _unescaped(value)
        elif option.startswith("-F") and len(option) == 3:
            run.between = option[2:]
        else:
            return None
    if len(rest) != 1 or len(rest[0]) > MAX_PROGRAM or len(lines) > MAX_LINES:
        return None
    try:
        return _go(_Reader(_tokens(rest[0])).program(), lines, run)
    except (NotUnderstood, RecursionError):
        return None


def _go(items: list[Item], lines: Sequence[str], run: Run) -> list[str]:
    found: list[str] = []
    if any(one.when for one in items) and not lines:
        raise NotUnderstood
    for run.number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise NotUnderstood
        run.printed, run.line = [], line
        if run.number == 1:
            _each(items, run, "BEGIN")
            run.line = line
        _each(items, run, "")
        if run.number == len(lines):
            _each(items, run, "END")
        found.append("\n".join(run.printed))
    return found


def _each(items: list[Item], run: Run, when: str) -> None:
    try:
        for one in items:
            if one.when == when and _holds(one, run):
                one.does(run)
    except Next:
        pass


def _holds(one: Item, run: Run) -> bool:
    if one.until is not None and one.inside:
        one.inside = not is_true(one.until(run))
        return True
    if one.test is not None and not is_true(one.test(run)):
        return False
    one.inside = one.until is not None and not is_true(one.until(run))
    return True


def is_true(value: str) -> bool:
    """As awk takes a value for a condition."""
    return value not in ("", "0")


Tokens = list[tuple[str, str]]
"""(kind, text)"""


def _tokens(text: str) -> Tokens:
    found: Tokens = []
    at = 0
    while at < len(text):
        value_before = found and (found[-1][0] in ("string", "number", "name") or found[-1][1] in (")", "]"))
        if text[at] == "/" and not value_before and (match := REGEX.match(text, at)):
            found.append(("regex", match[1]))
        elif match := TOKEN.match(text, at):
            if match.lastgroup != "space":
                found.append((str(match.lastgroup), match[0]))
        else:
            raise NotUnderstood
        at = match.end()
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: ESCAPED.get(match[1], match[0]), text)


class _Reader:
    """A program, by descent."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.at = 0

    def sees(self, *texts: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at][1] in texts and self.kind() in ("sign", "name")

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def takes(self, *texts: str) -> bool:
        if not self.sees(*texts):
            return False
        self.at += 1
        return True

    def needs(self, text: str) -> None:
        if not self.takes(text):
            raise NotUnderstood

    def take(self) -> str:
        if self.at >= len(self.tokens):
            raise NotUnderstood
        self.at += 1
        return self.tokens[self.at - 1][1]

    def program(self) -> list[Item]:
        found: list[Item] = []
        while True:
            while self.takes("\n", ";"):
                pass
            if self.at >= len(self.tokens):
                return found
            when, test, until = "", None, None
            if self.sees("BEGIN", "END"):
                when = self.take()
            elif not self.sees("{"):
                test = self.condition()
                if self.takes(","):
                    until = self.condition()
            does = self.block() if self.sees("{") else _print_line
            found.append(Item(when, test, until, does))

    def block(self) -> Action:
        self.needs("{")
        actions: list[Action] = []
        while not self.takes("}"):
            if self.takes(";", "\n"):
                continue
            actions.append(self.statement())

        def does(run: Run) -> None:
            for one in actions:
                one(run)

        return does

    def statement(self) -> Action:
        if self.sees("{"):
            return self.block()
        if self.takes("if"):
            return self._if()
        if self.takes("next"):
            return _next
        if self.takes("print"):
            values = [] if self.sees(";", "\n", "}") else [self.value()]
            while self.takes(","):
                values.append(self.value())
            if self.sees(">"):
                raise NotUnderstood
            return lambda run: run.printed.append(" ".join(one(run) for one in values) if values else run.line)
        if self.sees("sub", "gsub"):
            replaced = self._substitution()

            def replace(run: Run) -> None:
                replaced(run)

            return replace
        if self.takes("$"):
            number = self.take()
            self.needs("=")
            return _set_field(number, self.value())
        if self.kind() == "name":
            name = self.take()
            if self.takes("++"):
                return lambda run: run.values.update({name: str(int(_number(run.values.get(name, ""))) + 1)})
            self.needs("=")
            value = self.value()
            return lambda run: run.values.update({name: value(run)})
        raise NotUnderstood

    def _if(self) -> Action:
        self.needs("(")
        test = self.condition()
        self.needs(")")
        then = self.statement()
        at = self.at
        while self.takes(";", "\n"):
            pass
        other: Action | None = None
        if self.takes("else"):
            while self.takes("\n"):
                pass
            other = self.statement()
        else:
            self.at = at

        def does(run: Run) -> None:
            if is_true(test(run)):
                then(run)
            elif other is not None:
                other(run)

        return does

    def _substitution(self) -> Value:
        everywhere = self.take() == "gsub"
        self.needs("(")
        old = self._pattern()
        self.needs(",")
        new = self.value()
        if self.takes(","):
            self.needs("$")
            if self.take() != "0":
                raise NotUnderstood
        self.needs(")")

        def does(run: Run) -> str:
            text = new(run)
            put = re.sub(r"\\(\\?&)|&", lambda one: "\0" if one[0] == "&" else "&", text)
            made, number = old.subn(lambda match: put.replace("\0", match[0]), run.line, count=0 if everywhere else 1)
            run.line = made
            return str(number)

        return does

    def _pattern(self) -> re.Pattern[str]:
        kind, text = self.kind(), self.take()
        if kind == "string":
            text = text[1:-1].replace("\\\\", "\\")
        elif kind != "regex":
            raise NotUnderstood
        found = sed.pattern(text.replace("\\/", "/"), extended=True)
        if found is None:
            raise NotUnderstood
        return found

    def condition(self) -> Value:
        left = self._and()
        while self.takes("||"):
            one, other = left, self._and()
            left = lambda run, one=one, other=other: _as(is_true(one(run)) or is_true(other(run)))  # type: ignore[misc] # noqa: E731
        return left

    def _and(self) -> Value:
        left = self._not()
        while self.takes("&&"):
            one, other = left, self._not()
            left = lambda run, one=one, other=other: _as(is_true(one(run)) and is_true(other(run)))  # type: ignore[misc] # noqa: E731
        return left

    def _not(self) -> Value:
        if self.takes("!"):
            inner = self._not()
            return lambda run: _as(not is_true(inner(run)))
        if self.takes("("):
            inner = self.condition()
            self.needs(")")
            return inner
        return self._compared()

    def _compared(self) -> Value:
        if self.kind() == "regex":
            pattern = self._pattern()
            return lambda run: _as(bool(pattern.search(run.line)))
        if self.sees("sub", "gsub"):
            return self._substitution()
        left = self.value()
        if self.sees("~", "!~"):
            wanted = self.take() == "~"
            pattern = self._pattern()
            return lambda run: _as(bool(pattern.search(left(run))) == wanted)
        if self.sees("==", "!=", "<", ">", "<=", ">="):
            sign, right = self.take(), self.value()
            return lambda run: _as(_compare(left(run), sign, right(run)))
        return left

    def value(self) -> Value:
        """Terms one behind the other are one text."""
        terms = [self._term()]
        while self.kind() in ("string", "number", "name") or self.sees("$", "("):
            if self.sees("in"):
                raise NotUnderstood
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else lambda run: "".join(one(run) for one in terms)

    def _term(self) -> Value:
        kind, text = self.kind(), self.take()
        if kind == "string":
            said = _unescaped(text[1:-1])
            return lambda run: said
        if kind == "number":
            return lambda run: text
        if text == "(":
            inner = self.condition()
            self.needs(")")
            return inner
        if text == "$":
            number = self.take()
            if number == "0":
                return lambda run: run.line
            if number == "NF":
                return lambda run: run.fields[-1] if run.fields else ""
            if number.isdigit():
                return lambda run: run.fields[int(number) - 1] if int(number) <= len(run.fields) else ""
            raise NotUnderstood
        if kind != "name" or self.sees("(", "["):
            return self._of_environment(text)
        if text in ("NR", "FNR"):
            return lambda run: str(run.number)
        if text == "NF":
            return lambda run: str(len(run.fields))
        return lambda run: run.values.get(text, "")

    def _of_environment(self, text: str) -> Value:
        if text != "ENVIRON":
            raise NotUnderstood
        self.needs("[")
        name = self.take().strip('"')
        self.needs("]")
        return lambda run: run.environment.get(name, f"${{{name}}}")


def _print_line(run: Run) -> None:
    run.printed.append(run.line)


def _next(run: Run) -> None:
    raise Next


def _set_field(number: str, value: Value) -> Action:
    if not number.isdigit():
        raise NotUnderstood

    def does(run: Run) -> None:
        if number == "0":
            run.line = value(run)
            return
        fields = run.fields
        fields += [""] * (int(number) - len(fields))
        fields[int(number) - 1] = value(run)
        run.line = " ".join(fields)

    if int(number) > 100:
        raise NotUnderstood
    return does


def _as(true: bool) -> str:
    return "1" if true else "0"


def _number(text: str) -> float:
    match = re.match(r"\s*-?\d+(?:\.\d+)?", text)
    return float(match[0]) if match else 0.0


def _compare(left: str, sign: str, right: str) -> bool:
    numbers = all(re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", one) for one in (left, right))
    if sign in ("==", "!="):
        same = _number(left) == _number(right) if numbers else left == right
        return same == (sign == "==")
    a, b = (_number(left), _number(right)) if numbers else (left, right)
    return {"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[sign]  # type: ignore[operator]
