"""Logs: JSON lines on standard error, through one redactor, for Silta's own events and for every library's.

No line may name a person. Code never logs a payload in the first place; the redactor stands behind that, since libraries and exceptions
quote what they choked on. It masks Finnish personal identity codes (henkilötunnus) and learner numbers (oppijanumero) in any text at any
depth.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from hub.settings import Settings

__all__ = ["configure", "for_settings", "redact"]

MASK = "[masked]"
_CHATTY = ("alembic", "httpx", "httpcore")
"""Libraries whose every step at info is no event of ours."""

# What may stand between two characters of a code without changing how people read it: spaces, characters without width, and either of
# them as an escape in a repr.
_GAP = (
    r"(?:[\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
    r"|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|%20){0,4}"
)
_DIGIT = r"\d"  # of any script: full-width digits are digits to int() as well
_CENTURY = (
    r"(?:[-+A-FU-Ya-fu-y\u00ac\u2010-\u2015\u2043\u2212\u23af\ufe58\ufe63\uff0b\uff0d\uff21-\uff26\uff35-\uff39\uff41-\uff46\uff55-\uff59]"
    r"|%2[BbDd]|\\u201[0-5]|\\u2212|\\uff0[bd])"
)
_DOT = r"[.\uff0e]"
_CHECK = r"[\dA-Ya-y\uff21-\uff39\uff41-\uff59]"
_HETU = rf"(?<!\d){_GAP.join([_DIGIT] * 6 + [_CENTURY] + [_DIGIT] * 3 + [_CHECK])}"
_HETU_WITHOUT_SIGN = r"(?<!\d)\d{6}[\s_]{1,3}\d{3}[A-FHJ-NPR-Y]"
_PERSONS = _GAP.join(_DOT if part == "." else part for part in "1.2.246.562.")
_LEARNER_NUMBER = rf"(?<!\d){_PERSONS}{_GAP}(?:2{_GAP}4|(?:1{_GAP})?9{_GAP}8){_GAP}{_DOT}(?:{_GAP}\d)+"
# Random ids and digests sometimes look like a code by chance; they are kept whole.
_RANDOM = r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?:[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\b"
_PATTERN = re.compile(rf"(?P<random>{_RANDOM})|{_LEARNER_NUMBER}|{_HETU}|{_HETU_WITHOUT_SIGN}")


def redact(value: Any) -> Any:
    """The value with every personal identity code and learner number in it masked; what JSON does not know becomes redacted text."""
    match value:
        case str():
            return _PATTERN.sub(lambda found: found[0] if found["random"] else MASK, value)
        case None | bool() | int() | float():
            return value
        case bytes():
            return redact(value.decode(errors="replace"))
        case Mapping():
            return {redact(key if isinstance(key, str) else repr(key)): redact(item) for key, item in value.items()}
        case list() | tuple() | AbstractSet():
            return [redact(item) for item in value]
        case _:
            return redact(str(value) if isinstance(value, BaseException) else repr(value))


def _redactor(logger: Any, method: str, event: EventDict) -> EventDict:
    del logger, method
    return {redact(key): redact(value) for key, value in event.items()}


def configure(*, level: str = "info", console: bool = False, stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process to the stream (standard error), redacted. A process's main function calls it once."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=True)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redactor, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(root.level, logging.WARNING))
    logging.captureWarnings(capture=True)
    _catch_the_rest()


def for_settings(settings: Settings) -> None:
    """Configure as the settings say: for people when a demo runs in a terminal, else for machines."""
    configure(level=settings.log_level, console=settings.mode == "demo" and sys.stderr.isatty())


def _catch_the_rest() -> None:
    """Errors that nobody catches are logged too: Python's own traceback on standard error would pass by the redactor."""
    log = structlog.get_logger("hub.logs")

    def process_ends(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("process_crashed", exc_info=(kind, error, traceback))

    def thread_ends(crash: threading.ExceptHookArgs) -> None:
        log.critical(
            "thread_crashed", thread=crash.thread and crash.thread.name, exc_info=(crash.exc_type, crash.exc_value, crash.exc_traceback)
        )

    sys.excepthook = process_ends
    threading.excepthook = thread_ends
