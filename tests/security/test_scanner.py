"""The scanner itself: what it finds, in which form, and what it does not take for a hit."""

import base64
import gzip
import json
import secrets
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.security.scanner import Scanner, scan_files

HETU, NAME = "131052-308T", "Kuvitteellinen-Öljymäki"
SCANNER = Scanner([HETU, NAME])

WAYS = {
    "utf-8": lambda text: text.encode(),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "latin-1": lambda text: text.encode("latin-1"),
    "hex": lambda text: text.encode().hex().encode(),
    "capital hex": lambda text: text.encode().hex().upper().encode(),
    "latin-1 hex": lambda text: text.encode("latin-1").hex().encode(),
    "url": lambda text: quote(text).encode(),
    "url small": lambda text: quote(text).lower().encode(),
    "url all": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
    "json": lambda text: json.dumps(text).encode(),
    "json all": lambda text: "".join(f"\\u{ord(sign):04X}" for sign in text).encode(),
    "capitals": lambda text: text.upper().encode(),
    "small": lambda text: text.lower().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 of latin-1": lambda text: base64.b64encode(text.encode("latin-1")),
    "base64 of utf-16": lambda text: base64.b64encode(text.encode("utf-16-le")),
}


@pytest.mark.parametrize("word", [HETU, NAME])
@pytest.mark.parametrize("way", WAYS)
def test_every_form_is_found(way, word):
    """Between other bytes, wherever it stands."""
    data = b"\x00{" + WAYS[way](word) + b"}\xff"
    assert {hit.word for hit in SCANNER.hits(data, "here")} == {word}


@given(st.binary(max_size=40), st.binary(max_size=40), st.sampled_from([HETU, NAME]), st.booleans())
def test_base64_at_every_alignment(before, after, word, url):
    """Whatever stands before and after the word in what was encoded."""
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    assert word in {hit.word for hit in SCANNER.hits(encode(before + word.encode() + after), "here")}


def test_random_bytes_are_no_hit():
    """Ten megabytes of noise, as itself and as base64."""
    noise = secrets.token_bytes(10_000_000)
    assert not list(SCANNER.hits(noise, "noise"))
    assert not list(SCANNER.hits(base64.b64encode(noise), "noise"))


def test_files_their_names_and_what_is_packed(tmp_path):
    """A folder: contents, a name across two reads, a gzip, a file's name; and what is left out."""
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.csv").write_text(HETU)
    (tmp_path / "clean.bin").write_bytes(bytes(1000))
    assert scan_files(SCANNER, [tmp_path], without=[tmp_path / "drop"])[0] == []
    edge = 16 * 1024 * 1024 - 5
    (tmp_path / "edge.bin").write_bytes(bytes(edge) + HETU.encode() + bytes(100))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(NAME.encode() * 50))
    (tmp_path / f"{HETU}.json").touch()
    found, count, size = scan_files(SCANNER, [tmp_path], without=[tmp_path / "drop"])
    assert (count, size > edge) == (4, True)
    assert sorted({hit.place.rsplit("/", 1)[-1] for hit in found}) == [f"{HETU}.json", "edge.bin", "packed.gz, unpacked"]
