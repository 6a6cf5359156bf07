"""MkDocs hook: puts into the site what the pages in docs/ link to outside docs/.

README.md becomes the first page.  Any other linked file of the repository comes to `source/`: a Markdown file and a
directory as a page, any other file as it is.  A report that is there in HTML is that one.  So each link of the site
leads to a page of the site, and `mkdocs build --strict` checks each one.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

TOP = Path(__file__).parents[1]
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
"""The target of a Markdown link or picture."""


def on_files(files: Files, *, config: Any) -> Files:
    """Adds a page for each file outside docs/ that a page links to, and for the files that these link to."""
    waiting = ["README.md"]
    for file in files.documentation_pages():
        waiting += targets(posixpath.join("docs", file.src_uri))
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen or path.startswith("docs/") or not (TOP / path).exists():
            continue
        seen.add(path)
        if (TOP / path).is_dir():
            files.append(File.generated(config, site_path(path), content=directory(path)))
            waiting += listed(path)
            continue
        files.append(File.generated(config, site_path(path), abs_src_path=str(TOP / path)))
        waiting += targets(path) if path.endswith(".md") else []
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The page, with each link to a file of the repository as a link to its page on the site."""
    path = repository_path(page.file.src_uri)
    if not (TOP / path).exists():  # of a directory
        return markdown
    here = posixpath.dirname(page.file.src_uri)

    def rewritten(found: re.Match[str]) -> str:
        target, hash_, anchor = found[1].partition("#")
        if not target or "://" in target or not (to := resolved(path, target)):
            return found[1]
        return posixpath.relpath(site_path(to), here or ".") + hash_ + anchor

    return LINK.sub(rewritten, markdown)


def resolved(path: str, target: str) -> str:
    """The repository's path that a link in the file `path` leads to; empty when nothing is there."""
    to = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if (TOP / to).is_dir() and (TOP / to / "README.md").exists():
        to = posixpath.join(to, "README.md")
    page = to.removesuffix(".md") + ".html"  # a report of hundreds of rows is better read in HTML
    return page if (TOP / page).exists() else to if (TOP / to).exists() else ""


def targets(path: str) -> list[str]:
    """The files of the repository that a Markdown file links to."""
    links = (found.partition("#")[0] for found in LINK.findall((TOP / path).read_text()))
    return [to for link in links if link and "://" not in link and (to := resolved(path, link))]


def listed(path: str) -> list[str]:
    """The files of a directory."""
    return sorted(posixpath.join(path, name) for name in os.listdir(TOP / path) if (TOP / path / name).is_file())


def site_path(path: str) -> str:
    """Where a file of the repository is in the site's sources."""
    if path == "README.md":
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if (TOP / path).is_dir():
        return f"source/{path}/index.md"
    return f"source/{path}" if path.endswith((".md", ".html")) else f"source/{path}.txt"  # which a browser shows


def repository_path(uri: str) -> str:
    """The file of the repository that a file of the site's sources is made of."""
    if uri == "index.md":
        return "README.md"
    if not uri.startswith("source/"):
        return f"docs/{uri}"
    return uri.removeprefix("source/")


def directory(path: str) -> str:
    """The Markdown of the page of a directory: its files."""
    links = "\n".join(f"- [{name}]({name}.txt)" for name in (posixpath.basename(file) for file in listed(path)))
    return f"# `{path}`\n\n{links}\n"
