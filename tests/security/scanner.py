"""Looks for words (personal identity codes, names) in whatever a hub leaves behind, in every form that they could stand in.

`forms` says which: each text encoding, hexadecimal, base64 at all three alignments, URL and JSON escapes, in both cases where case may change. `hits` looks
through bytes. `scan_files`, `scan_database` and `scan_topics` bring the bytes: files as they lie on the disk, tables both as the server reads them (so
compressed and outsourced values too) and as lies on the disk, topics with keys, values and headers.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from psycopg import sql

__all__ = ["Hit", "Scanner", "forms", "scan_database", "scan_files", "scan_topics"]

_CHUNK = 16 * 1024 * 1024
_OVERLAP = 1024
_ZEROS = re.compile(rb"\0{64,}")


@dataclass(frozen=True, slots=True)
class Hit:
    """A word found: in which form, and where."""

    word: str
    form: str
    place: str


def forms(word: str) -> dict[str, bytes]:
    """Every form of a word that is looked for, by its name. Letters are in lower case, except in base64, where case carries meaning."""
    found: dict[str, bytes] = {}
    spelled = {"": word, "capitals ": word.upper(), "small ": word.lower()}
    for style, text in spelled.items():
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "latin-1"):
            raw = text.encode(encoding, "replace")
            found[f"{style}{encoding}"] = raw
            for shift in range(3):
                found[f"{style}{encoding} base64+{shift}"] = _base64(raw, shift)
                found[f"{style}{encoding} base64url+{shift}"] = _base64(raw, shift).translate(bytes.maketrans(b"+/", b"-_"))
            found[f"{style}{encoding} hex"] = raw.hex().encode()
        found[f"{style}url"] = quote(text, safe="").encode()
        found[f"{style}url plus"] = quote_plus(text).encode()
        found[f"{style}url all"] = "".join(f"%{byte:02x}" for byte in text.encode()).encode()
        found[f"{style}json"] = json.dumps(text)[1:-1].encode()
        found[f"{style}json all"] = "".join(f"\\u{ord(sign):04x}" for sign in text).encode()
    return {name: form if "base64" in name else form.lower() for name, form in found.items()}


def _base64(raw: bytes, shift: int) -> bytes:
    """The characters that stand for these bytes alone, whatever stands before and after them."""
    whole = base64.b64encode(b"\0" * shift + raw + b"\0\0\0")
    return whole[(8 * shift + 5) // 6 : 8 * (shift + len(raw)) // 6]


class Scanner:
    """Looks for words."""

    def __init__(self, words: Iterable[str]) -> None:
        self._loose, self._exact = {}, {}  # type: dict[bytes, tuple[str, str]], dict[bytes, tuple[str, str]]
        for word in words:
            for name, form in forms(word).items():
                (self._exact if "base64" in name else self._loose).setdefault(form, (word, name))
        self._patterns = [(re.compile(_pattern(known), re.DOTALL), known) for known in (self._loose, self._exact)]

    def hits(self, data: bytes, place: str) -> Iterator[Hit]:
        """Each word once a form."""
        seen = set()
        for (pattern, known), text in zip(self._patterns, (data.lower(), data), strict=True):
            for match in pattern.finditer(text):
                found = known[match[0]]
                if found not in seen:
                    seen.add(found)
                    yield Hit(*found, place)


def _pattern(words: Iterable[bytes]) -> bytes:
    """A pattern for any of the words, common beginnings taken together: plain alternatives are tried one by one at every byte."""
    tree: dict[int, Any] = {}
    for word in words:
        node = tree
        for byte in word:
            node = node.setdefault(byte, {})
        node.clear()
        node[-1] = None  # a word ends here; longer ones that begin with it are found by it
    return _branch(tree)


def _branch(node: dict[int, Any]) -> bytes:
    if -1 in node:
        return b""
    parts = [re.escape(bytes([byte])) + _branch(following) for byte, following in sorted(node.items())]
    return parts[0] if len(parts) == 1 else b"(?:" + b"|".join(parts) + b")"


def scan_files(scanner: Scanner, folders: Iterable[Path], *, without: Iterable[Path] = ()) -> tuple[list[Hit], int, int]:
    """The hits in all files under these folders and in their names, the number of files, and of bytes. Gzip is looked into."""
    skipped = [path.resolve() for path in without]
    found: list[Hit] = []
    count = size = 0
    for folder in folders:
        for path in sorted([folder] if folder.is_file() else folder.rglob("*")):
            if any(path.resolve().is_relative_to(each) for each in skipped):
                continue
            found += scanner.hits(str(path.relative_to(folder)).encode(), f"name of {path}")
            if path.is_file() and not path.is_symlink():
                count += 1
                size += _scan_file(scanner, path, found)
    return found, count, size


def _scan_file(scanner: Scanner, path: Path, found: list[Hit]) -> int:
    size, tail = 0, b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                # Long runs of zeros are what servers allocate ahead.
                found += scanner.hits(_ZEROS.sub(b"\0", tail + chunk), str(path))
                if chunk.startswith(b"\x1f\x8b"):
                    found += scanner.hits(zlib.decompressobj(31).decompress(chunk), f"{path}, unpacked")
                tail = chunk[-_OVERLAP:]
    except FileNotFoundError:
        return 0  # servers remove files meanwhile
    return size


def scan_database(scanner: Scanner, url: str) -> tuple[list[Hit], int, int]:
    """The hits in every column of every table of the database, as text and as bytes, and in its names; the number of tables, and of rows."""
    found: list[Hit] = []
    tables = rows = 0
    with psycopg.connect(url) as connection:
        named = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT LIKE 'pg_toast%' AND c.relname NOT IN ('pg_largeobject', 'pg_authid')"
        ).fetchall()
        for schema, table in named:
            tables += 1
            place = f"{schema}.{table}"
            for row in connection.execute(
                sql.SQL("SELECT t.*, t::text FROM {}.{} AS t").format(sql.Identifier(schema), sql.Identifier(table))
            ):
                rows += 1
                for value in row:
                    found += scanner.hits(_bytes(value), place)
                    if isinstance(value, str) and "\\x" in value:
                        # Bytes inside a row's text or an array are shown in hexadecimal.
                        for part in re.findall(r"\\x([0-9a-f]+)", value):
                            found += scanner.hits(bytes.fromhex(part[: len(part) // 2 * 2]), place)
    return found, tables, rows


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    return str(value).encode()


def scan_topics(scanner: Scanner, kafka: Mapping[str, Any], topics: Iterable[str]) -> tuple[list[Hit], int]:
    """The hits in names, keys, values and headers of these topics' records, those of aborted transactions included; the number of records."""
    found: list[Hit] = []
    records = 0
    consumer = Consumer(
        {**kafka, "group.id": "scanner", "enable.auto.commit": False, "isolation.level": "read_uncommitted", "enable.partition.eof": True}
    )
    try:
        places = [
            TopicPartition(topic, partition, OFFSET_BEGINNING)
            for topic in topics
            for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ]
        for place in places:
            found += scanner.hits(place.topic.encode(), "topic's name")
        consumer.assign(places)
        unfinished = {(place.topic, place.partition) for place in places}
        while unfinished:
            message = consumer.poll(30)
            assert message is not None, f"{unfinished} could not be read to the end"
            if message.error():
                unfinished.discard((message.topic(), message.partition()))
                continue
            records += 1
            where = f"{message.topic()}/{message.partition()}@{message.offset()}"
            for part in (message.key(), message.value(), *(piece for header in message.headers() or () for piece in header)):
                if part is not None:
                    found += scanner.hits(_bytes(part), where)
    finally:
        consumer.close()
    return found, records
