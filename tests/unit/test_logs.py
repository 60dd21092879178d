import io
import json
import logging
import subprocess
import sys
import threading

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from hub.logs import configure, redact

CODES = [
    "131052-308T",
    "131052+308T",
    "131052A308T",
    "131052Y308T",
    "131052a308t",
    "131052-3081",
    "131052–308T",
    "131052−308T",
    "131052\u2011308T",
    "１３１０５２－３０８Ｔ",
    "131052-308Ｔ",
    "131052 - 308T",
    "131052 308T",
    "1 3 1 0 5 2 - 3 0 8 T",
    "1310\u200b52-3\u200d08T",
    "131052\ufeff-308T",
    "131052%2D308T",
    "131052%2B308T",
    r"1310\u200b52-308T",
    r"131052\u2013308T",
    "1.2.246.562.24.12345678901",
    "1.2.246.562.24.1234 5678 901",
    "1.2.246.562.24.\u200b12345678901",
    "1．2．246．562．24．12345678901",
]


@pytest.fixture
def lines():
    """What is logged, a decoded JSON object a line."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook)
    configure(stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level, sys.excepthook, threading.excepthook = before
    structlog.reset_defaults()


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("around", ["{}", "hetu={},", "client{}x", '{{"id":"{}"}}', "/clients/{}/events", "1 {} 2"])
def test_codes_are_masked_wherever_they_stand(code, around):
    """No code survives, whatever stands around it."""
    masked = redact(around.format(code))
    assert "[masked]" in masked
    assert code not in masked
    assert "308" not in masked


@given(st.integers(0, 999999), st.sampled_from("-+ABCDEFUVWXY"), st.integers(0, 999), st.sampled_from("0123456789ABCDEFHJKLMNPRSTUVWXY"))
def test_every_code_of_the_form_is_masked(date, sign, number, check):
    """Also codes that no calendar knows, such as test codes."""
    assert redact(f"{date:06}{sign}{number:03}{check}") == "[masked]"


@pytest.mark.parametrize(
    "text",
    [
        "01312345-1234-4abc-8def-123456789012",
        "ab345678-1234-4abc-8def-123456789012",
        "131052a308b131052a308b131052a308",
        "2026-03-01T10:20:30.123456+00:00",
        "2026-03-01T10:20:30.123456Z",
        "partition 3, offset 123456 200ms",
        "1.2.246.562.10.12345678901",
        "kafka_2.13-4.3.1.jar",
    ],
)
def test_ids_and_times_are_kept(text):
    """Random ids, digests, times and organisations' own numbers stay readable."""
    assert redact(text) == text


def test_any_depth_is_masked(lines):
    """Keys and values, lists, sets, bytes and objects in an event."""
    structlog.get_logger("x").info("e", a={"131052-308T": [("131052-308T", {b"131052-308T"})]}, b=ValueError("131052-308T"), c=Exception)
    (line,) = lines()
    assert line["a"] == {"[masked]": [["[masked]", ["[masked]"]]]}
    assert line["b"] == "[masked]"
    assert (line["event"], line["level"], line["logger"]) == ("e", "info", "x")


def test_exceptions_and_their_causes_are_masked(lines):
    """A traceback quotes what a library choked on."""
    try:
        try:
            int("131052-308T")
        except ValueError as error:
            raise KeyError("131052-308T") from error
    except KeyError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed with %s", "131052-308T")
    for line in lines():
        assert "308T" not in json.dumps(line)
        assert line["exception"].count("[masked]") >= 2


def test_other_libraries_lines_are_json_and_masked(lines):
    """Lines by way of the standard library, with arguments and extra fields."""
    logging.getLogger("aiokafka").warning("key %r", "131052\u200b-308T", extra={"client": "131052-308T"})
    (line,) = lines()
    assert line["event"] == "key '[masked]'"
    assert (line["client"], line["logger"], line["level"]) == ("[masked]", "aiokafka", "warning")


def test_an_uncaught_error_is_masked():
    """Python would print the traceback by itself."""
    code = "import hub.logs; hub.logs.configure(); raise ValueError('131052-308T')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "308T" not in ended.stderr
    assert json.loads(ended.stderr)["event"] == "process_crashed"


def test_a_threads_uncaught_error_is_masked():
    """So would a thread."""
    code = "import hub.logs, threading; hub.logs.configure(); threading.Thread(target=int, args=('131052-308T',)).start()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "308T" not in ended.stderr
    assert json.loads(ended.stderr)["event"] == "thread_crashed"
