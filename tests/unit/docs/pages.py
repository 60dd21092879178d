"""The documentation's own text: its pages and the fenced blocks in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ROOT", "blocks", "commands", "pages"]

ROOT = Path(__file__).parents[3]
_FENCE = re.compile(r"^```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every page that people wrote."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The page's fenced blocks of a language, in order."""
    return [found["text"] for found in _FENCE.finditer(page.read_text("utf-8")) if found["language"] == language]


def commands() -> Iterator[tuple[Path, list[str]]]:
    """The words of every line after a `$` in a ``console`` block, with what goes into a pipe left out."""
    for page in pages():
        for block in blocks(page, "console"):
            for line in block.splitlines():
                if line.startswith("$ "):
                    words = shlex.split(line[2:], comments=True)
                    yield page, words[words.index("|") + 1 :] if "|" in words else words
