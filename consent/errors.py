"""Errors of consent and law, each with a stable code and a JSON pointer; a hub translates them at its edge, in one table.

A denial is an answer (`Decision`), never one of these.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ConsentConflictError",
    "ConsentError",
    "InvalidConsentError",
    "InvalidNetworkError",
    "Problem",
    "TamperedRecordError",
    "UnknownConsentError",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where it is (a JSON pointer, RFC 6901), a stable code, and a sentence on what to do.

    It never repeats the value, unless that is a name from a network file.
    """

    pointer: str
    code: str
    remedy: str


class ConsentError(Exception):
    """Base of all errors of this package; `problems` has one or more."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(f"{problem.pointer}: {problem.remedy}" for problem in problems))
        self.problems = problems


class InvalidConsentError(ConsentError):
    """What was asked can't be recorded as it stands: unknown notice, purpose, recipient, a time that can't be. The caller must change it."""


class ConsentConflictError(ConsentError):
    """What was asked contradicts what is on record: the same consent with other content, a state that can't follow, a newer choice."""


class UnknownConsentError(ConsentError):
    """No consent has this id."""


class TamperedRecordError(ConsentError):
    """What is stored doesn't match its hash or its chain. Going on would decide on a forgery: stop."""


class InvalidNetworkError(ConsentError):
    """The network file (or a statute or notice it uses) is wrong or, for `require_complete`, unfinished. Every fault at once."""
