"""`silta schemas`, as it is run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SILTA = Path(sys.executable).parent / "silta"
OWN = Path(__file__).parents[3] / "schemas"


def silta(*arguments):
    return subprocess.run([SILTA, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_siltas_own_schemas_pass():
    """What is shipped."""
    ended = silta("schemas", "check")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "15 schemas: compatible, not recursive\n", "")


def test_a_folder_with_faults_names_them_all(tmp_path):
    """Every fault of every file at once, and exit code 2."""
    for name in ("read.v1.avsc", "decision.v1.avsc"):
        shutil.copy(OWN / name, tmp_path)
    changed = json.loads((OWN / "read.v1.avsc").read_text())
    changed["fields"].append({"name": "why", "type": "string"})
    (tmp_path / "read.v2.avsc").write_text(json.dumps(changed))
    ended = silta("schemas", "check", "--folder", tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == "silta: the schemas have faults:\n  read: version 2 can't read 1: /why: it was not written, and has no default\n"
    (tmp_path / "Odd.avsc").write_text("{")
    (tmp_path / "decision.v3.avsc").write_text((OWN / "decision.v1.avsc").read_text())
    ended = silta("schemas", "check", "--folder", tmp_path)
    assert ended.returncode == 2
    assert "Odd: it is no JSON" in ended.stderr
    assert "Odd: call the file <name>.v<version>.avsc" in ended.stderr
    assert "decision: version 2 is missing" in ended.stderr


@pytest.mark.parametrize("content", [b"\xff\xfe{}", None])
def test_a_file_that_cannot_be_read(tmp_path, content):
    """Bytes that are no text, and a folder in a file's place: a sentence, no traceback."""
    path = tmp_path / "read.v1.avsc"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    ended = silta("schemas", "check", "--folder", tmp_path)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_a_folder_without_schemas(tmp_path):
    """A mistyped folder passes for checked otherwise."""
    for folder in (tmp_path, tmp_path / "nothing"):
        ended = silta("schemas", "check", "--folder", folder)
        assert ended.returncode == 2
        assert str(folder) in ended.stderr


def test_a_schema_is_shown_with_its_fingerprint():
    """As an outsider would compare it."""
    ended = silta("schemas", "show", "read.v1")
    assert ended.returncode == 0
    assert json.loads(ended.stdout.rpartition("SHA-256")[0])["name"] == "Read"
    assert silta("schemas", "show", "nothing.v1").returncode == 2
