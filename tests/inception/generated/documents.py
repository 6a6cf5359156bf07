"""README.md, USER_DOC.md and DEV_DOC.md, drawn."""

# ruff: noqa: E501  (the lines are a document's)

from __future__ import annotations

from collections.abc import Callable

from tests.inception.generated.choices import Choices

USES = {
    "Virtual Machines vs Docker": "A virtual machine has a kernel of its own, a container shares the host's.",
    "Secrets vs Environment Variables": "A secret is a file, a variable can be read by inspection.",
    "Docker Network vs Host Network": "On the host's network every port is open.",
    "Docker Volumes vs Bind Mounts": "Docker manages a volume; a bind mount is any path.",
}


def documents(c: Choices, subject: str, login: str, write: Callable[[str, str], None]) -> None:
    """Writes what the subject's version asks for."""
    if subject == "3":
        write(
            "README.md",
            c.pick(
                "# Inception\n", "# inception\nProjet de 42.\n\n## Liens utiles\n\nlinks: https://docs.docker.com\n"
            ),
        )
        return
    for rule, name in (("R05", "USER_DOC.md"), ("R06", "DEV_DOC.md")):
        if not c.breaks(rule):
            write(
                name,
                "# Documentation\n\nRun `make`, open the site, log in; `make down` stops it. Data is in the data directory.\n"
                * 3,
            )
    if c.breaks("R01"):
        c.allow("fail", "R02", "R03", "R04", "R07")
        c.allow("unclear", "R02", "R03", "R04", "R07")
        return
    sentence = f"This project has been created as part of the 42 curriculum by {login}"
    first = c.one("R02", (f"*{sentence}.*\n\n", f"_{sentence}_\n\n", f"*{sentence}, jmartin.*\n\n"),
                  (f"{sentence}.\n\n", "", f"# Inception\n\n{sentence}\n\n"))  # fmt: skip
    mark = c.pick("##", "##", "###", "## 📖")
    sections = {
        "Description": "A small site of three containers behind NGINX.", "Instructions": "Run `make` in the virtual machine.",
        "Resources": "- https://docs.docker.com\n- https://nginx.org/en/docs/\n\n" + c.pick(
            "AI was used to explain errors and to proofread this page.", "### AI usage\n\nChatGPT helped with the wording."),
    }  # fmt: skip
    if c.breaks("R03"):
        gone = c.pick("Instructions", "Resources")
        c.drawn.append(f"R03 broken: no {gone}")
        sections.pop(gone)
    table = c.style("comparisons", "headings", "headings", "table", "bold")
    uses = dict(USES)
    if c.breaks("R04"):
        uses.pop(c.pick(*uses))
    if table == "headings":
        said = "".join(f"### {name}\n\n{text}\n\n" for name, text in uses.items())
    elif table == "table":
        said = (
            "| comparison | why |\n|---|---|\n"
            + "".join(f"| {name} | {text} |\n" for name, text in uses.items())
            + "\n"
        )
    else:
        said = "".join(f"- **{name}**: {text}\n" for name, text in uses.items()) + "\n"
    body = "".join(f"{mark} {name}\n\n{text}\n\n" for name, text in sections.items())
    where = "## Project description\n\nImages are built from Dockerfiles.\n\n" + said
    write("README.md", first + "# Inception\n\n" + (body + where if c.maybe() else where + body))
