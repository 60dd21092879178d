"""Pointers of faults are kept in the error list and published with what is quarantined: they are places, and name nobody."""

import json

import pytest

from hub.connectors.strictjson import parse_json
from hub.errors import RecordError


@pytest.mark.parametrize(
    "key",
    [
        "131052-308T",
        "131052-308t",
        "hetu 131052-308T",
        "h131052-308T",
        "Kuvitteellinen",
        "Matti Meikäläinen",
        "matti meikäläinen",
        "1.2.246.562.24.00000000001",
        "",
    ],
)
def test_a_key_that_may_name_somebody_is_in_no_pointer(key):
    """A document whose keys are persons, with a fault under one of them."""
    with pytest.raises(RecordError) as raised:
        parse_json(b'{"opiskeluoikeudet": [{' + json.dumps(key).encode() + b': {"arvo": NaN}}]}')
    assert [(fault.pointer, fault.code) for fault in raised.value.faults] == [("/opiskeluoikeudet/0/?/arvo", "not_a_number")]
    assert not key or key not in str(raised.value)


@pytest.mark.parametrize("key", ["henkilö", "tila", "opiskeluoikeusjaksot", "consent_id", "lisätiedot2", "osaamisenTunnustaminen"])
def test_a_fields_name_stays(key):
    """Or the sender would look for the fault in vain."""
    with pytest.raises(RecordError) as raised:
        parse_json(f'{{"{key}": 1e999}}'.encode())
    assert raised.value.faults[0].pointer == f"/{key}"
