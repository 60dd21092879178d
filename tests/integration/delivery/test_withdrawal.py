"""Withdrawal against delivery: once it has answered, no answer that rests on the consent is on its way."""

from __future__ import annotations

import fcntl
import json
import select
import socket
import struct
import termios
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from tests.integration.delivery.hubs import CITY, folded, given, running_town, secret, sent
from tests.unit.connectors.koski_documents import HETU, body, document, period, study_right
from tests.waiting import until

ROUNDS = 8
READERS = 5
EVENTS = 303


@dataclass(eq=False)
class Delivery:
    """An answer as its receiver sees it."""

    connection: socket.socket
    began: float = field(default_factory=time.monotonic)
    read: bytearray = field(default_factory=bytearray)
    reading: threading.Lock = field(default_factory=threading.Lock)
    ended: bool = False

    def arrived(self) -> int:
        """Bytes that have reached the receiver's machine, read or not."""
        with self.reading, suppress(OSError):
            waiting = 0 if self.ended else struct.unpack("i", fcntl.ioctl(self.connection.fileno(), termios.FIONREAD, b"\0" * 4))[0]
            return len(self.read) + int(waiting)
        return len(self.read)

    def finish(self, *, piece: int = 65536, pause: float = 0.0) -> None:
        """Read to the end, a piece at a time."""
        nap = threading.Event()
        while True:
            select.select([self.connection], [], [], 30)
            with self.reading:
                try:
                    got = self.connection.recv(piece)
                except ConnectionError:
                    got = b""
                self.read += got
                if not got:
                    self.ended = True
                    self.connection.close()
                    return
            nap.wait(pause)

    @property
    def entries(self) -> int | None:
        """How many entries it shows; None for an answer that was cut off."""
        _, _, said = self.read.partition(b"\r\n\r\n")
        try:
            return len(json.loads(said)["entries"])
        except (ValueError, KeyError):
            return None


class Receiver:
    """A partner's system on plain sockets, so that it can be as slow as it likes."""

    def __init__(self, address: str, credential: str, *, buffer: int | None = None) -> None:
        parts = urlsplit(address)
        self._place, self._buffer = (parts.hostname, parts.port), buffer
        question = json.dumps({"identifier": {"scheme": "hetu", "value": HETU}, "purpose": "integration_services"})
        self._request = (
            "POST /v1/timeline/query HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {credential}\r\nContent-Length: {len(question)}\r\n\r\n{question}"
        ).encode()

    def ask(self) -> Delivery:
        connection = socket.socket()
        if self._buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        connection.connect(self._place)
        connection.sendall(self._request)
        return Delivery(connection)


def career() -> bytes:
    """Three study rights of a hundred state periods each: an answer of about 100 kB."""
    states = ("lasna", "valiaikaisestikeskeytynyt")
    periods = tuple(period(f"{2000 + number // 12}-{number % 12 + 1:02}-01", states[number % 2]) for number in range(100))
    system = {"koodiarvo": "primus", "koodistoUri": "lahdejarjestelma"}
    rights = [study_right(lähdejärjestelmänId={"id": f"r{number}", "lähdejärjestelmä": system}, periods=periods) for number in range(3)]
    return body(document(*rights))


@pytest.fixture
def town(settings, environment, tmp_path):
    """The API as a process of its own."""
    with running_town(settings, environment, tmp_path) as (opened, _):
        yield opened


@pytest.fixture
def consent_id(town):
    """Of a client of many entries, which the city may see."""
    made = given(town, HETU)
    outcome = sent(town.hub, "osao-koski", career())
    assert (outcome.admitted, outcome.denied, outcome.errors) == (EVENTS + 3, 0, [])
    folded(town.hub)
    assert town.shown(CITY, HETU) == EVENTS + 3
    return made


def test_no_delivery_arrives_after_the_withdrawals_answer(town, consent_id):
    """Readers ask without a pause, one of them slowly; consent is taken back and given again over and over."""
    credential = secret(town.hub, CITY)
    fast, slow = Receiver(town.address, credential), Receiver(town.address, credential, buffer=2304)
    stopping, noting = threading.Event(), threading.Lock()
    deliveries: list[Delivery] = []

    def loop(receiver: Receiver, piece: int, pause: float) -> None:
        while not stopping.is_set():
            delivery = receiver.ask()
            with noting:
                deliveries.append(delivery)
            delivery.finish(piece=piece, pause=pause)

    def snapshot() -> list[Delivery]:
        with noting:
            return list(deliveries)

    threads = [threading.Thread(target=loop, args=(fast, 65536, 0.0)) for _ in range(READERS - 1)]
    threads.append(threading.Thread(target=loop, args=(slow, 4096, 0.005)))
    late, cut, longest, raced = 0, 0, 0.0, 0
    for thread in threads:
        thread.start()
    try:
        for _ in range(ROUNDS):
            began = time.monotonic()
            until(lambda began=began: any(one.began > began and one.entries for one in snapshot()))
            began = time.monotonic()
            assert town.withdraw(consent_id).status_code == 200
            known = [(one, one.arrived()) for one in snapshot() if not one.ended]
            answered = time.monotonic()
            longest = max(longest, answered - began)
            raced += len(known)
            until(lambda answered=answered: sum(1 for one in snapshot() if one.began > answered and one.ended) > READERS)
            until(lambda known=known: all(one.ended for one, _ in known), 20)
            late += sum(1 for one, had in known if one.entries and len(one.read) > had)
            late += sum(1 for one in snapshot() if one.began > answered and one.entries)
            cut += sum(1 for one, _ in known if one.entries is None)
            consent_id = given(town, HETU)
            folded(town.hub)
    finally:
        stopping.set()
        for thread in threads:
            thread.join(30)
    shown = sum(1 for one in deliveries if one.entries)
    print(
        f"{len(deliveries)} deliveries, {shown} with entries; {ROUNDS} withdrawals (longest {longest:.2f} s) against {raced} under way: {late} late, {cut} cut off"
    )
    assert late == 0
    assert shown >= ROUNDS
    assert longest < 6


def test_a_receiver_that_reads_nothing_holds_a_withdrawal_up_for_five_seconds_at_most(town, consent_id):
    """It is cut off then: whatever it reads later is no whole answer."""
    stuck = Receiver(town.address, secret(town.hub, CITY), buffer=2304).ask()
    until(lambda: stuck.arrived() > 0)
    began = time.monotonic()
    assert town.withdraw(consent_id).status_code == 200
    waited = time.monotonic() - began
    had = stuck.arrived()
    stuck.finish()
    print(f"the withdrawal waited {waited:.2f} s; the receiver got {len(stuck.read)} bytes, {had} of them before")
    assert 2 < waited < 7
    assert (stuck.entries, len(stuck.read)) == (None, had)
    assert town.shown(CITY, HETU) == 0


def test_a_receiver_that_reads_slowly_gets_its_answer_before_the_withdrawal_has_its_own(town, consent_id):
    """Within five seconds nobody is cut off: the withdrawal waits for the last byte."""
    slow = Receiver(town.address, secret(town.hub, CITY), buffer=2304).ask()
    until(lambda: slow.arrived() > 0)
    thread = threading.Thread(target=slow.finish, kwargs={"piece": 4096, "pause": 0.02})
    thread.start()
    assert town.withdraw(consent_id).status_code == 200
    had = slow.arrived()
    thread.join(30)
    assert (slow.entries, len(slow.read)) == (EVENTS + 3, had)


def test_a_receiver_that_goes_away_frees_the_lock_at_once(town, consent_id):
    """A connection that is reset in the middle of an answer holds nothing up."""
    gone = Receiver(town.address, secret(town.hub, CITY), buffer=2304).ask()
    until(lambda: gone.arrived() > 0)
    gone.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gone.connection.close()
    began = time.monotonic()
    assert town.withdraw(consent_id).status_code == 200
    assert time.monotonic() - began < 3
