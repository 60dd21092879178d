"""Keys and seals: what is moved or changed does not open, and no nonce comes twice."""

import threading
from uuid import UUID, uuid4

import pytest

from hub.envelope import bound_to
from hub.errors import FatalError, RecordError
from hub.vault import Keyring, Sealed, create_keyring, load_keyring, open_keyring, seal, unseal

KEY = bytes(range(32))
IDENTITY, EVENT, KEY_ID, FORM = UUID(int=1), b"e" * 16, UUID(int=2), b"f" * 32
PLACE = bound_to(IDENTITY, EVENT, KEY_ID, FORM)
PLAIN = b"Kuvitteellinen"


def keyring(epoch=1):
    return Keyring(epoch, {1: b"\1" * 32, epoch: b"\2" * 32}, b"i" * 32, b"f" * 32, b"e" * 32)


def test_what_was_sealed_opens_in_its_place():
    """The reference for all that follows."""
    assert unseal(KEY, seal(KEY, PLAIN, PLACE), PLACE) == PLAIN


@pytest.mark.parametrize(
    "place",
    [
        bound_to(UUID(int=9), EVENT, KEY_ID, FORM),
        bound_to(IDENTITY, b"x" * 16, KEY_ID, FORM),
        bound_to(IDENTITY, EVENT, UUID(int=9), FORM),
        bound_to(IDENTITY, EVENT, KEY_ID, b"x" * 32),
        (b"consent-changes", *PLACE[1:]),
        PLACE[:-1],
        (*PLACE, b""),
        (PLACE[0] + PLACE[1], *PLACE[2:]),
        (PLACE[0][:-1], PLACE[0][-1:] + PLACE[1], *PLACE[2:]),
        (),
    ],
    ids=["identity", "event", "key", "schema", "topic", "shorter", "longer", "joined", "shifted", "nothing"],
)
def test_a_ciphertext_that_was_moved_does_not_open(place):
    """To another identity, event, key, schema or topic, nor by moving a border between the parts."""
    with pytest.raises(RecordError) as raised:
        unseal(KEY, seal(KEY, PLAIN, PLACE), place)
    assert raised.value.faults[0].code == "not_authentic"


def test_every_changed_bit_is_noticed():
    """In the nonce, the text or the tag, and under another key."""
    sealed = seal(KEY, PLAIN, PLACE)
    raw = sealed.nonce + sealed.ciphertext
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RecordError):
            unseal(KEY, Sealed(bytes(changed[:12]), bytes(changed[12:])), PLACE)
    with pytest.raises(RecordError):
        unseal(b"\0" * 32, sealed, PLACE)


@pytest.mark.parametrize("nonce, text", [(b"", b""), (b"n" * 12, b""), (b"n" * 12, b"short"), (b"n" * 200, b"x" * 40), (b"n", b"x" * 40)])
def test_odd_lengths_are_a_record_error(nonce, text):
    """Not whatever the library raises for them."""
    with pytest.raises(RecordError):
        unseal(KEY, Sealed(nonce, text), PLACE)


def test_no_nonce_comes_twice():
    """Ten thousand seals of the same text under the same key."""
    made = [seal(KEY, PLAIN, PLACE) for _ in range(10_000)]
    assert len({sealed.nonce for sealed in made}) == 10_000
    assert len({sealed.ciphertext for sealed in made}) == 10_000


def test_a_wrapped_key_belongs_to_its_id():
    """A row of the table of keys that was given another's wrapped key, or another epoch's."""
    ring, one = keyring(), uuid4()
    wrapped = ring.wrap(KEY, one)
    assert ring.unwrap(wrapped, one, 1) == KEY
    with pytest.raises(RecordError):
        ring.unwrap(wrapped, uuid4(), 1)
    with pytest.raises(RecordError):
        keyring(2).unwrap(wrapped, one, 1)
    with pytest.raises(FatalError, match="no key of epoch 7"):
        ring.unwrap(wrapped, one, 7)


def test_keys_do_not_show():
    """A keyring or a key in a traceback or a log line says nothing."""
    assert repr(keyring()) == "Keyring(epoch=1)"


def test_of_many_that_make_the_key_file_at_once_one_does(tmp_path):
    """The others are told, and the file is whole and private whenever it is there."""
    path, barrier = tmp_path / "keys.json", threading.Barrier(16)
    made, refused = [], []

    def make():
        barrier.wait()
        try:
            create_keyring(path)
            made.append(load_keyring(path))
        except FatalError as error:
            refused.append(str(error))
            load_keyring(path)

    threads = [threading.Thread(target=make) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 15)
    assert set(refused) == {f"{path} is already there; it would make all data unreadable to replace it"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content, says",
    [
        (None, "there is no key file"),
        ("", "can't be read; restore it from its backup"),
        ("[]", "can't be read; restore it from its backup"),
        ('{"epoch": 1}', "can't be read; restore it from its backup"),
        (
            '{"epoch": 1, "wrapping": {"1": "c2hvcnQ="}, "identifier": "", "fact": "", "event": ""}',
            "can't be read; restore it from its backup",
        ),
    ],
)
def test_a_missing_or_broken_key_file(tmp_path, content, says):
    """A sentence with the file's name and what to do, and nothing of what it holds."""
    path = tmp_path / "keys.json"
    if content is not None:
        path.touch(0o600)
        path.write_text(content)
    with pytest.raises(FatalError, match=says) as raised:
        open_keyring(path, create=False)
    assert str(path) in str(raised.value)
    assert "c2hvcnQ" not in str(raised.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
def test_a_key_file_that_others_can_read(tmp_path, mode):
    """Is refused, with the command that mends it."""
    path = tmp_path / "keys.json"
    create_keyring(path)
    path.chmod(mode)
    with pytest.raises(FatalError, match="chmod 600"):
        load_keyring(path)
