"""Kafka's jars and the registry's archive: found in the cache, in the local Maven repository, or downloaded; always checked by SHA-256.

`artefacts.toml` pins them. jgo downloads, from the Maven repositories that the user has configured for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stamina

from hub.errors import FatalError
from hub.settings import SERVER_VARIABLES
from ops.stack.processes import locked

__all__ = ["Artefact", "cache_folder", "fetch", "pinned", "unpacked"]


@dataclass(frozen=True, slots=True)
class Artefact:
    """One file of a Maven repository, and what it must hash to."""

    group: str
    name: str
    version: str
    sha256: str
    bytes: int
    classifier: str = ""
    packaging: str = "jar"

    def __str__(self) -> str:
        return ":".join(part for part in (self.group, self.name, self.version, self.classifier) if part)

    @property
    def path(self) -> Path:
        """Its place in a Maven repository."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        return Path(*self.group.split("."), self.name, self.version, f"{self.name}-{self.version}{suffix}.{self.packaging}")


def pinned(server: str) -> list[Artefact]:
    """The artefacts of one server, in class path order."""
    text = Path(__file__).with_name("artefacts.toml").read_text(encoding="utf-8")
    return [Artefact(**entry) for entry in tomllib.loads(text)[server]]


def cache_folder() -> Path:
    """Where downloads are kept for all of a user's stacks."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "silta"


def fetch(server: str, progress: Callable[[str], None]) -> list[Path]:
    """Paths of a server's verified artefacts. Raises `FatalError` that names the artefact which is missing or not what was pinned."""
    artefacts = pinned(server)
    with locked(cache_folder() / f"{server}.lock"):
        missing = [artefact for artefact in artefacts if _cached(artefact) is None]
        if missing:
            size = sum(artefact.bytes for artefact in missing) / 1e6
            what = f"{len(missing)} files" if len(missing) > 1 else missing[0].path.name
            progress(f"{server}: downloading {what}, {size:.0f} MB")
            began = time.monotonic()
            with _staging() as staging, ThreadPoolExecutor(6) as pool:
                for _ in pool.map(lambda artefact: _download(artefact, staging), missing):
                    pass
            progress(f"{server}: downloaded and verified {size:.0f} MB in {time.monotonic() - began:.0f} s")
        return [_cached(artefact) or _kept(artefact) for artefact in artefacts]


def unpacked(artefact: Artefact, progress: Callable[[str], None]) -> Path:
    """The folder with an archive's contents, fetched and unpacked if this was not done before; the archive itself is not kept."""
    folder = cache_folder() / f"{artefact.name}-{artefact.version}-{artefact.sha256[:12]}"
    if folder.exists():
        return folder
    (archive,) = fetch("registry", progress)
    began = time.monotonic()
    with _staging() as staging, tarfile.open(archive) as tar:
        # Python 3.11.0 to 3.11.3 have no filters; what is unpacked was verified.
        tar.extractall(staging / "contents", **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # type: ignore[arg-type]  # noqa: S202
        try:
            (staging / "contents").rename(folder)
        except OSError:
            if not folder.exists():  # else another process was quicker
                raise
    if archive == _kept(artefact):
        archive.unlink(missing_ok=True)
    progress(f"registry: unpacked in {time.monotonic() - began:.0f} s")
    return folder


def _kept(artefact: Artefact) -> Path:
    return cache_folder() / "maven" / artefact.path


def _cached(artefact: Artefact) -> Path | None:
    """A verified copy in the cache or the local Maven repository; one that is not what was pinned is passed over."""
    own = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository") / artefact.path
    return next((path for path in (_kept(artefact), own) if path.is_file() and _digest(path) == artefact.sha256), None)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _staging() -> Iterator[Path]:
    """A folder in the cache's file system, from which finished files are renamed; what is left in it goes."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="staging-", dir=cache_folder()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download(artefact: Artefact, staging: Path) -> None:
    try:
        path = _resolve(artefact, staging)
    except Exception as error:
        if not _network_failed(error):
            raise
        raise FatalError(
            f"{artefact} could not be downloaded from the Maven repository ({type(error).__name__}). "
            f"Check the network and run the command again: what is already here is kept. "
            f"Or use servers of your own, by {', '.join(SERVER_VARIABLES)}; then nothing is downloaded."
        ) from error
    verify(path, artefact)
    _kept(artefact).parent.mkdir(parents=True, exist_ok=True)
    path.replace(_kept(artefact))


def _resolve(artefact: Artefact, staging: Path) -> Path:
    # jgo writes straight to the final name, so that a broken download would count as present: hence the staging folder.
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    repositories: dict[str, str] | None = GlobalSettings.load().repositories or None
    context: Any = MavenContext(repo_cache=staging, remote_repos=repositories, timeout=30)
    project = context.project(artefact.group, artefact.name).at_version(artefact.version)
    artifact = project.artifact(classifier=artefact.classifier, packaging=artefact.packaging)
    for attempt in stamina.retry_context(on=_network_failed, attempts=3, timeout=None):
        with attempt:
            (staging / artefact.path).unlink(missing_ok=True)
            return Path(artifact.resolve())
    raise AssertionError  # the last attempt returns or raises


def _network_failed(error: Exception) -> bool:
    """Errors of requests are OSErrors without a number; a RuntimeError is jgo's own, for what no repository has."""
    return (isinstance(error, OSError) and error.errno is None) or isinstance(error, RuntimeError)


def verify(path: Path, artefact: Artefact) -> None:
    """Raises `FatalError` when the file is not what was pinned."""
    if (found := _digest(path)) != artefact.sha256:
        raise FatalError(
            f"{artefact} is not the file that Silta was tried with: its SHA-256 is {found}, not {artefact.sha256}. "
            "It was not used. Check which Maven repository this machine downloads from."
        )
