"""A partner's drop folder: which files are whole, reading them safely, and what is left behind after the acknowledgement.

A partner writes ``<name>.tmp`` and renames it, or just writes: a file is looked at once it
has not changed for a second, and given five before it is refused as unreadable.
Beside the folder's files stand ``outcome/<name>.json`` with what became of each, and ``done/`` if processed files are kept. The folder holds the
partner's data in clear: it is the partner's own, and readable to it and the hub alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from hub.errors import FatalError, TransientError

__all__ = ["DropFolder", "DroppedFile"]

_log = structlog.get_logger()
_LONGEST_NAME = 200
"""Bytes; file systems take 255."""
_SETTLED_SECONDS = 1.0
_SURELY_WHOLE_SECONDS = 5.0
_LARGEST = 64 * 1024 * 1024
"""Bytes; what is larger is refused by its parser without having been read whole."""


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A file that has settled. `stamp` tells this sending from a later one under the same name."""

    name: str
    stamp: str
    surely_whole: bool
    """It has not changed for so long that nobody can still be writing it."""


class DropFolder:
    """One drop folder, made with mode 0700 if it is missing."""

    def __init__(self, path: Path, suffix: str, *, keep: bool, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._suffix = suffix
        self._keep = keep
        self._clock = clock
        self._warned: set[str] = set()
        try:
            for folder in (path, path / "outcome", *([path / "done"] if keep else [])):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise FatalError(f"the drop folder {path} can't be made: {error.strerror}") from error

    def settled_files(self) -> list[DroppedFile]:
        """The files that can be read now, by name. Links, folders, hidden and temporary files are none."""
        found = []
        try:
            with os.scandir(self._path) as entries:
                for entry in entries:
                    if (
                        entry.name.startswith(".")
                        or not entry.name.lower().endswith(self._suffix)
                        or not entry.is_file(follow_symlinks=False)
                    ):
                        continue
                    status = entry.stat(follow_symlinks=False)
                    age = self._clock() - status.st_mtime
                    if age >= _SETTLED_SECONDS:
                        found.append(DroppedFile(entry.name, _stamp(status), age >= _SURELY_WHOLE_SECONDS))
        except OSError as error:
            raise TransientError(f"the drop folder {self._path} can't be listed: {error.strerror}") from error
        return sorted(found, key=lambda file: file.name)

    def read(self, file: DroppedFile) -> bytes | None:
        """The file's bytes, a little over the largest at most; None if it was changed or taken away since it was listed."""
        try:
            # Never through a link that was put in the file's place, and never a pipe that would wait for ever.
            descriptor = os.open(self._path / file.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except PermissionError:
            if file.stamp not in self._warned:
                self._warned.add(file.stamp)
                _log.warning("file_not_readable", folder=str(self._path), remedy="let the hub's user read the files of its drop folders")
            return None
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or _stamp(status) != file.stamp:
                return None
            body = opened.read(_LARGEST + 1)
            return body if _stamp(os.fstat(descriptor)) == file.stamp else None

    def acknowledge(self, file: DroppedFile, outcome: Mapping[str, Any]) -> None:
        """Leave the outcome, then delete the file or move it to `done/`. A file that was replaced meanwhile stays for the next round."""
        try:
            name = _short(file.name)
            draft = self._path / "outcome" / f".{name}.tmp"
            draft.write_text(json.dumps(outcome, ensure_ascii=False, indent=2) + "\n", "utf-8")
            draft.replace(self._path / "outcome" / f"{name}.json")
            path = self._path / file.name
            if _same(path, file.stamp):
                if self._keep:
                    path.replace(self._path / "done" / file.name)
                else:
                    path.unlink()
        except OSError as error:
            raise TransientError(
                f"the drop folder {self._path} can't be written: {error.strerror}; free some space or mend its rights"
            ) from error


def _short(name: str) -> str:
    """A name that leaves room for an ending; a longer one is cut, and told apart by its hash."""
    raw = os.fsencode(name)
    return name if len(raw) <= _LONGEST_NAME else f"{os.fsdecode(raw[:_LONGEST_NAME])}-{hashlib.sha256(raw).hexdigest()[:12]}"


def _same(path: Path, stamp: str) -> bool:
    try:
        return _stamp(path.lstat()) == stamp
    except FileNotFoundError:
        return False


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
