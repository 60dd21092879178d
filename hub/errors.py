"""Errors, named by what the caller does next.

Each edge (Kafka, registry, PostgreSQL, HTTP, files) translates its library's exceptions into one of these, once, with ``raise … from``.
A denial is an answer, not an error; an unreachable consent store is transient, never a permit.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FatalError", "Fault", "RecordError", "RequestError", "SiltaError", "TransientError"]


class SiltaError(Exception):
    """Base of all errors that Silta raises on purpose."""


class TransientError(SiltaError):
    """Back off and try again: nothing was changed, or a repeat changes nothing more."""

    def __init__(self, message: str, *, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which a caller may try again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in something received: where it is and what is wrong, never the value itself.

    ``pointer`` is a JSON pointer (RFC 6901) into the document, or ``/rows/<n>/<column>`` for tables (the header is row 1).
    ``code`` is a stable reason code in snake_case; ``remedy`` says in a sentence what the sender can do.
    """

    pointer: str
    code: str
    remedy: str


class RecordError(SiltaError):
    """Park this one record and go on with the others."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"{fault.pointer or '/'}: {fault.code}" for fault in faults))
        self.faults = faults


class RequestError(SiltaError):
    """The caller must change the request; repeating it unchanged fails again."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"{fault.pointer or '/'}: {fault.remedy}" for fault in faults))
        self.faults = faults


class FatalError(SiltaError):
    """Going on would lose or leak data, or cannot work at all: stop, and say what to do."""
