"""What is read or written as text names its encoding."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_text_that_is_read_or_written_has_its_encoding_named() -> None:
    """Else it is the locale's: of a template of ours, of the kernel's tables, where a path may be any bytes."""
    unnamed = []
    for file in sorted(path for top in ("pytest_isolation", "checks") for path in (ROOT / top).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                most = {"read_text": 0, "write_text": 1}.get(node.func.attr)
                if most is None or len(node.args) > most or any(one.arg == "encoding" for one in node.keywords):
                    continue
                unnamed.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert not unnamed, f"name the encoding, encoding='utf-8': {', '.join(unnamed)}"
