"""Education providers: study rights as they are sent to the national register Koski, read into drafts."""

from __future__ import annotations

from hub.connectors.education.document import parse_koski

__all__ = ["parse_koski"]
