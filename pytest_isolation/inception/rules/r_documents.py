"""R: the documents (since version 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_isolation.inception.finding import Finding, Severity, fail, unclear
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.registry import rule

SENTENCE = re.compile(r"This project has been created as part of the 42 curriculum by\s+\S+")
ITALIC = re.compile(r"([*_])This project has been created as part of the 42 curriculum by\s+[^*]+?\.?\1\.?\s*")


def _readme(s: Submission) -> tuple[str, str] | None:
    path = s.path("README.md")
    return (path, s.tree.lenient(path).removeprefix("\ufeff")) if path in s.tree else None


def _headings(text: str) -> list[str]:
    """Lower case, without signs."""
    found = re.findall(r"^ {0,3}#{1,6}[ \t]*(\S.*)$", text, re.MULTILINE)
    found += [line for line, _ in re.findall(r"^(\S.*)\n(=+|-+)[ \t]*$", text, re.MULTILINE)]
    return [re.sub(r"[^\w\s]", "", one).strip().lower() for one in found]


@rule("R01", Severity.END, since="5", asks="README.md is at the root.", look="ls README.md")
def readme(s: Submission) -> Iterator[Finding]:
    read = _readme(s)
    if read is None or not read[1].strip():
        yield fail(Place(s.path("README.md")), "not there, or empty", "write README.md")


@rule(
    "R02", Severity.END, since="5",
    asks="README.md begins with one line in italics that says the project is part of the 42 curriculum, and by whom.",
    look="head -1 README.md",
)  # fmt: skip
def first_line(s: Submission) -> Iterator[Finding]:
    read = _readme(s)
    if read is None or not read[1].strip():
        return
    path, text = read
    fix = "*This project has been created as part of the 42 curriculum by LOGIN.* on line 1"
    lines = text.split("\n")
    if ITALIC.fullmatch(lines[0]):
        return
    where = next((number for number, line in enumerate(lines, 1) if SENTENCE.search(line)), None)
    if where is None:
        yield fail(Place(path, 1), "the sentence is not in it", fix)
    elif where == 1 and not set(lines[0]) & set("*_<"):
        yield fail(Place(path, 1), "the sentence is not in italics", fix)
    elif where == 1:
        yield unclear(Place(path, 1), f"line 1 is not only that sentence in italics: {lines[0][:60]}", fix)
    else:
        yield fail(Place(path, where), f"the sentence is on line {where}", fix)


SAYS_AI = re.compile(
    r"\b(AI|A\.I\.|GPT|LLMs?)(?!\w)"
    r"|(?i:artificial intelligence|chat-?gpt|copilot|\b(claude|gemini|deepseek|mistral)\b|language models?\b)"
)


@rule(
    "R03", Severity.END, since="5",
    asks="README.md has a description, instructions and resources, and says how AI was used.",
    look="grep '^#' README.md",
)  # fmt: skip
def sections(s: Submission) -> Iterator[Finding]:
    read = _readme(s)
    if read is None or not read[1].strip():
        return
    path, text = read
    headings = " | ".join(_headings(text))
    for word in ("description", "instruction", "resource"):
        if word not in headings:
            yield fail(Place(path), f"no heading with {word}", f"add ## {word.capitalize()}")
    if not SAYS_AI.search(text):
        yield fail(Place(path), "nothing about AI", "say under Resources how AI was used, or that it was not")


@rule(
    "R04", Severity.END, since="5",
    asks="README.md compares VMs and Docker, secrets and variables, the two networks, volumes and bind mounts.",
    look="grep -iE 'vs|versus' README.md",
)  # fmt: skip
def comparisons(s: Submission) -> Iterator[Finding]:
    read = _readme(s)
    if read is None or not read[1].strip():
        return
    path, text = read
    plain = text.lower()
    pairs = (
        ("virtual machines and Docker", r"virtual machines?|\bvms?\b", r"docker|containers?"),
        ("secrets and environment variables", r"secrets?", r"env(ironment)?( variables?)?"),
        ("Docker's network and the host's", r"docker networks?|bridge", r"host('s)? networks?|host mode"),
        ("volumes and bind mounts", r"volumes?", r"bind[ -]mounts?"),
    )
    for name, one, other in pairs:
        near = rf"(({one})[^\n]{{0,80}}(\bvs\b|versus|compared|/|\||\bor\b|\band\b|instead)[^\n]{{0,80}}({other}))"
        back = rf"(({other})[^\n]{{0,80}}(\bvs\b|versus|compared|/|\||\bor\b|\band\b|instead)[^\n]{{0,80}}({one}))"
        if not re.search(near, plain) and not re.search(back, plain):
            yield fail(Place(path), f"no comparison of {name}", "add it: ## … vs …")


def _document(s: Submission, name: str) -> Iterator[Finding]:
    path = s.path(name)
    if path not in s.tree or not s.tree.lenient(path).strip():
        yield fail(Place(path), "not there, or empty", f"write {name} at the root")


@rule("R05", Severity.END, since="5", asks="USER_DOC.md is at the root.", look="ls USER_DOC.md")
def user_doc(s: Submission) -> Iterator[Finding]:
    yield from _document(s, "USER_DOC.md")


@rule("R06", Severity.END, since="5", asks="DEV_DOC.md is at the root.", look="ls DEV_DOC.md")
def dev_doc(s: Submission) -> Iterator[Finding]:
    yield from _document(s, "DEV_DOC.md")


WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "English": "the and is to of in with for this that are from it on as by",
        "French": "le la les des est et une un dans pour avec sur du qui par au",
        "Spanish": "el los las es y una en para con del que por se al como",
        "Portuguese": "o os as uma em para com do da que por se ao como e",
        "German": "der die das und ist ein eine mit für von den auf zu im",
    }.items()
}


@rule("R07", Severity.RULE, since="5.4", asks="README.md is in English.", look="read it")
def english(s: Submission) -> Iterator[Finding]:
    read = _readme(s)
    if read is None:
        return
    path, text = read
    words = re.findall(r"[^\W\d_]+", re.sub(r"```.*?```", "", text, flags=re.DOTALL).lower())
    if len(words) < 40:
        return
    counts = {name: sum(word in known for word in words) for name, known in WORDS.items()}
    best = max(counts, key=counts.__getitem__)
    if best != "English" and counts[best] > 1.5 * counts["English"]:
        yield fail(Place(path), f"it reads like {best}", "English; a translation may stand beside it")
