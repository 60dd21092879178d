"""Every command in README and documentation exists, with its options; those that need no server are run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from typer.main import get_command

from hub import cli
from tests.unit.docs.pages import ROOT, commands

FOUND = [(page.relative_to(ROOT).as_posix(), words) for page, words in commands()]
SILTA = str(Path(sys.executable).with_name("silta"))
WITHOUT_SERVERS = [
    ("--help",),
    ("config",),
    ("status",),
    ("schemas", "check"),
    ("schemas", "show", "client_event.v1"),
    ("keys", "path"),
    ("keys", "create"),
]
IN_DEMO = {"status": 1}
"""Exit codes other than 0: no local server is up in an empty home."""


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words name, and what is left for it."""
    command = get_command(cli.app)
    while hasattr(command, "resolve_command") and words and not words[0].startswith("-"):
        _, command, words = command.resolve_command(click.Context(command), words)
    return command, words


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An empty home and servers that do not exist."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("SILTA_")}
    return own | {
        "SILTA_HOME": str(tmp_path),
        "SILTA_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "SILTA_REGISTRY_URL": "http://127.0.0.1:1/apis/ccompat/v7",
        "SILTA_DATABASE_URL": "postgresql://silta:secret-of-nobody@127.0.0.1:1/silta",
    }


def test_there_are_commands_to_check() -> None:
    """The pages are found and read."""
    assert len(FOUND) > 20


@pytest.mark.parametrize("page, words", [pytest.param(page, words, id=" ".join(words)) for page, words in FOUND if words[0] == "silta"])
def test_each_command_line_is_one_of_ours(page: str, words: list[str]) -> None:
    """The command exists, takes the options, and every argument that it needs is given."""
    command, rest = resolve(words[1:])
    if rest in (["--help"], ["--version"]):
        return
    command.make_context("silta", list(rest))


@pytest.mark.parametrize("page, words", [pytest.param(page, words, id=" ".join(words)) for page, words in FOUND if words[0] != "silta"])
def test_each_other_line_names_what_there_is(page: str, words: list[str]) -> None:
    """A target of the Makefile, or a script of the repository."""
    if words[0] == "make":
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
        assert {word for word in words[1:] if "=" not in word} <= targets
    else:
        assert words[0] == "sh"
        assert (ROOT / words[1]).is_file()


@pytest.mark.parametrize("words", WITHOUT_SERVERS, ids=" ".join)
def test_commands_without_servers_run(words: tuple[str, ...], environment: dict[str, str]) -> None:
    """They stand in the documentation, end as they should, and show no password."""
    assert list(words) in [found[1:] for _, found in FOUND]
    done = subprocess.run([SILTA, *words], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == IN_DEMO.get(words[0], 0), done.stderr
    assert "secret-of-nobody" not in done.stdout + done.stderr


def test_a_command_without_its_servers_says_so(environment: dict[str, str]) -> None:
    """In production mode the unfinished network is refused before any server is asked, and the missing pieces are named."""
    done = subprocess.run([SILTA, "relay"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "processing timeline has no dpia" in done.stderr
    assert "l681-2023-municipality" in done.stderr


def test_the_demo_options_in_make_lines_exist() -> None:
    """What stands behind ARGS= goes to `silta demo`."""
    given = [word.removeprefix("ARGS=").split() for _, words in FOUND if words[:2] == ["make", "demo"] for word in words[2:]]
    command, _ = resolve(["demo"])
    known = {option for parameter in command.params for option in parameter.opts}
    assert given
    assert {option for options in given for option in options} <= known
