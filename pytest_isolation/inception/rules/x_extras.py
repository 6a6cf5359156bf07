"""X: what nobody demands and everybody likes."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_isolation.inception.compose import schema_errors
from pytest_isolation.inception.finding import Finding, Severity, advice, fail
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.yaml import Map


@rule(
    "X01", Severity.ADVICE,
    asks="A .dockerignore keeps what an image does not need out of its build.",
    look="find srcs -name .dockerignore",
    needs="compose",
)  # fmt: skip
def dockerignore(s: Submission) -> Iterator[Finding]:
    contexts = {image.service.build.context for image in s.images.values() if image.service.build}
    for context in sorted(contexts - {"?"}):
        if f"{context}/.dockerignore".lstrip("/") not in s.tree and ".dockerignore" not in s.tree:
            yield advice(Place(context or "."), "no .dockerignore", "add one, if only with .git and *.md")


@rule(
    "X02", Severity.ADVICE,
    asks="The compose file has no version: compose ignores it.",
    look="docker compose config warns",
    needs="compose",
)  # fmt: skip
def no_version(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    if "version" in s.compose.document:
        yield advice(s.compose.document.key("version").at, f"version: {s.compose.document['version']}", "remove it")


@rule(
    "X03", Severity.ADVICE,
    asks="Services that need each other wait until the other is healthy.",
    look="docker compose ps",
    needs="compose",
)  # fmt: skip
def waits_for_health(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    for name, service in s.compose.services.items():
        needs = service.raw.get("depends_on")
        for other, how in needs.entries() if isinstance(needs, Map) else ():
            healthy = isinstance(how, Map) and how.get("condition") == "service_healthy"
            target = s.compose.services.get(str(other))
            image = s.images.get(str(other))
            own = image is not None and any(stage.every("HEALTHCHECK") for stage in image.stages)
            if healthy and target is not None and "healthcheck" not in target.raw and not own:
                yield advice(
                    other.at, f"{name} waits for {other} to be healthy, which has no healthcheck", "give it one"
                )


@rule(
    "X04", Severity.RULE,
    asks="The compose file follows the compose specification.",
    look="docker compose config",
    needs="compose",
)  # fmt: skip
def follows_specification(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    for at, says in schema_errors(s.compose.document):
        yield fail(at, says, "correct it: docker compose config says the same")
