"""The texts that clients are shown when asked, one file a language: `<id>/<version>/<language>.md`. A published text is never edited.

Its SHA-256 over the exact bytes goes into every consent that it informed (GDPR 7(1), ISO/IEC TS 27560), so an auditor can read what was shown.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from consent.model import Notice

__all__ = ["find_notices", "notice_text"]


def find_notices(notice_id: str, version: int, folder: Path | Traversable | None = None) -> tuple[Notice, ...]:
    """The languages in which a version of a notice exists, sorted; empty if there is none."""
    where = _folder(folder).joinpath(notice_id, str(version))
    if not where.is_dir():
        return ()
    texts = {path.name.removesuffix(".md"): path.read_bytes() for path in where.iterdir() if path.name.endswith(".md")}
    return tuple(Notice(notice_id, version, language, sha256(text).digest()) for language, text in sorted(texts.items()))


def notice_text(notice: Notice, folder: Path | Traversable | None = None) -> str:
    """The exact text of a notice; LookupError if no text here has its hash."""
    path = _folder(folder).joinpath(notice.id, str(notice.version), f"{notice.language}.md")
    text = path.read_bytes() if notice in find_notices(notice.id, notice.version, folder) else b""
    if not text:
        raise LookupError(f"no text of notice {notice.id} {notice.version} {notice.language} has this hash")
    return text.decode()


def _folder(folder: Path | Traversable | None) -> Path | Traversable:
    return files(__name__) if folder is None else folder
