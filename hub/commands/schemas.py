"""``silta schemas``: the checks that every schema has to pass, offline, and by the registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hub import codec, settings
from hub.compatibility import faults_of_set
from hub.errors import FatalError
from hub.registry import Registry
from hub.topics import TOPICS

__all__ = ["schemas"]

schemas = typer.Typer(no_args_is_help=True)


@schemas.command("check")
def check(
    folder: Annotated[Path | None, typer.Option(help="check the .avsc files of this folder, by default Silta's own")] = None,
    registry: Annotated[bool, typer.Option("--registry", help="ask the registry too")] = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Refuse schemas that are recursive, could blow up a reader, or are not compatible with all their earlier versions (FULL_TRANSITIVE)."""
    texts = _texts(folder)
    faults = faults_of_set(texts)
    if registry:
        asked = Registry(settings.load())
        faults += [
            f"{topic.schema}: the registry finds it incompatible with what {topic.name} holds"
            for topic in TOPICS
            if topic.schema in texts and not asked.is_compatible(topic.name, texts[topic.schema])
        ]
    if faults:
        raise FatalError("the schemas have faults:\n  " + "\n  ".join(faults))
    typer.echo(f"{len(texts)} schemas: compatible, not recursive" + (", and so says the registry" if registry else ""))


@schemas.command("show")
def show(name: Annotated[str, typer.Argument(help="such as client_event.v1")]) -> None:
    """Print a schema and its fingerprint."""
    typer.echo(json.dumps(json.loads(codec.schema_text(name)), indent=2, ensure_ascii=False))
    typer.echo(f"SHA-256 of the parsing canonical form: {codec.schema(name).fingerprint.hex()}")


def _texts(folder: Path | None) -> dict[str, str]:
    if folder is None:
        return {name: codec.schema_text(name) for name in codec.schema_names()}
    try:
        texts = {path.stem: path.read_text("utf-8", "replace") for path in sorted(folder.glob("*.avsc"))}
    except OSError as error:
        raise FatalError(f"{folder} can't be read: {error.strerror}") from error
    if not texts:
        raise FatalError(f"there are no .avsc files in {folder}")
    return texts
