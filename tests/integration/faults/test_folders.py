"""A drop folder as partners really use it: files still being written, files that are none, names of all kinds, and a full disk."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest

from hub.start import start
from tests.integration.delivery.hubs import Processes, rows
from tests.unit.connectors.koski_documents import HETU, body, document
from tests.waiting import until

HEADER = "henkilötunnus;asiakasnumero;id;tila;arviointipäivä;palvelutarve;vastuutaho\n"


def needs(first: int, count: int) -> str:
    """Rows of service needs, which a statute lets the TE-office see."""
    return "".join(f";A{number};n{number};;2024-03-01;tavanomainen;kunta\n" for number in range(first, first + count))


@pytest.fixture
def folder(settings, environment, tmp_path):
    """The city's drop folder, followed by a process of its own."""
    start(settings)
    processes = Processes(environment, tmp_path)
    processes.start("connectors")
    yield settings.drops / "city-csv"
    codes = processes.stop()
    assert codes == {"connectors": 0}, processes.log("connectors")[-3000:]
    assert "Traceback" not in processes.log("connectors")


def outcome(folder: Path, name: str) -> dict:
    """What became of a file, once it is known."""
    path = folder / "outcome" / f"{name}.json"
    until(path.exists, 60, lambda: [entry.name for entry in folder.rglob("*")])
    return json.loads(path.read_text())


def counts(found: dict) -> tuple[int, int, int]:
    return found["items"], found["admitted"], len(found["errors"])


def test_a_file_written_slowly_in_pieces_is_taken_in_whole(folder):
    """Twelve pieces with pauses of a quarter of a second: one delivery, and no error of a row that was cut."""
    nap = threading.Event()
    text = (HEADER + needs(0, 60)).encode()
    size = len(text) // 12 + 1
    with (folder / "slow.csv").open("wb", buffering=0) as file:
        for start_of_piece in range(0, len(text), size):
            file.write(text[start_of_piece : start_of_piece + size])
            nap.wait(0.25)
    assert counts(outcome(folder, "slow.csv")) == (60, 60, 0)
    assert not (folder / "slow.csv").exists()


def test_what_is_no_file_is_left_alone_and_holds_nothing_up(folder, tmp_path, settings):
    """A link to somebody else's file, a pipe, a folder, a hidden and a temporary file, another suffix; and a file beside them is taken in."""
    secret = tmp_path / "secret.csv"
    secret.write_text(HEADER + needs(900, 3))
    (folder / "link.csv").symlink_to(secret)
    os.mkfifo(folder / "pipe.csv")
    (folder / "folder.csv").mkdir()
    for name in (".hidden.csv", "draft.csv.tmp", "notes.txt"):
        (folder / name).write_text(HEADER + needs(900, 3))
    (folder / "good.csv").write_text(HEADER + needs(0, 3))
    assert counts(outcome(folder, "good.csv")) == (3, 3, 0)
    assert sorted(entry.name for entry in folder.iterdir()) == [
        ".hidden.csv",
        "draft.csv.tmp",
        "folder.csv",
        "link.csv",
        "notes.txt",
        "outcome",
        "pipe.csv",
    ]
    assert secret.exists()
    assert rows(settings, "SELECT count(*) FROM claim") == [(3,)]


def test_names_of_all_kinds(folder):
    """Case-colliding names, control characters, line breaks, both Unicode forms, leading dashes, very long ones: each file has its own outcome."""
    names = [
        "a.csv",
        "A.csv",
        "a.CSV",
        "line\nbreak.csv",
        "bell\x07.csv",
        "\x1b[31mred.csv",
        "-rf.csv",
        " space .csv",
        "quote'\".csv",
        "%2e%2e.csv",
        unicodedata.normalize("NFC", "ä.csv"),
        unicodedata.normalize("NFD", "ä.csv"),
        "\u202egnp.csv",
        "x" * 240 + ".csv",
    ]
    for number, name in enumerate(names):
        draft = folder / f".draft{number}"
        draft.write_text(HEADER + needs(10 * number, 2))
        draft.rename(folder / name)
    until(lambda: len(list((folder / "outcome").iterdir())) == len(names), 60, lambda: list((folder / "outcome").iterdir()))
    admitted = sorted(json.loads(path.read_text())["admitted"] for path in (folder / "outcome").iterdir())
    assert admitted == [2] * len(names)
    assert [entry.name for entry in folder.iterdir()] == ["outcome"]


def test_a_file_replaced_by_a_link_between_listing_and_reading(folder, tmp_path, settings):
    """A rename every few milliseconds between a file and a link to a secret: whatever is taken in, it is never the secret."""
    secret = tmp_path / "secret.csv"
    secret.write_text(HEADER + needs(5000, 1))
    old = 0
    stopping = threading.Event()

    def swap() -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            link, file = folder / f".link{number}", folder / f".file{number}"
            link.symlink_to(secret)
            link.replace(folder / "swapped.csv")
            file.write_text(HEADER + needs(0, 1))
            os.utime(file, (old, old))
            file.replace(folder / "swapped.csv")
            stopping.wait(0.003)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        assert counts(outcome(folder, "swapped.csv"))[0] == 1
    finally:
        stopping.set()
        thread.join()
    until(lambda: not (folder / "swapped.csv").is_file() or (folder / "swapped.csv").is_symlink(), 30)
    assert rows(settings, "SELECT count(*) FROM claim") == [(1,)]
    assert secret.exists()


@pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.run(["which", "mount"], capture_output=True, check=False).returncode != 0,
    reason="a small disk takes root and mount",
)
def test_a_full_disk_is_waited_out(settings, environment, tmp_path):
    """No outcome can be written: nothing is lost, the file stays; with space again its outcome comes, and nothing is doubled."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(small)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        start(settings)
        processes = Processes(environment, tmp_path)
        processes.start("connectors", SILTA_DROP_FOLDER=str(small))
        folder = small / "city-csv"
        (folder / "a.csv").write_text(HEADER + needs(0, 3))
        filler = small / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        until(
            lambda: "can't be written: No space left on device" in processes.log("connectors"),
            60,
            lambda: processes.log("connectors")[-1000:],
        )
        assert (folder / "a.csv").exists()
        filler.unlink()
        assert outcome(folder, "a.csv")["admitted"] == 3
        until(lambda: not (folder / "a.csv").exists())
        assert rows(settings, "SELECT count(*), count(DISTINCT fact_ref) FROM claim") == [(3, 3)]
        assert processes.stop() == {"connectors": 0}
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_two_sources_do_not_wait_for_each_other(folder, settings):
    """A city file of two thousand rows under way, and OSAO's document is answered for meanwhile."""
    (folder / "large.csv").write_text(HEADER + needs(0, 2_000))
    (settings.drops / "osao-koski" / "one.json").write_bytes(body(document()))
    found = outcome(settings.drops / "osao-koski", "one.json")
    assert (found["admitted"], found["denied"]) == (0, 3)
    assert HETU not in json.dumps(found)
    assert counts(outcome(folder, "large.csv")) == (2_000, 2_000, 0)
