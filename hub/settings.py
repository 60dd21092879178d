"""All settings, in one place: environment variables ``SILTA_*``, then what ``silta up`` wrote, then defaults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, JsonConfigSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from hub.errors import FatalError

__all__ = ["SERVER_VARIABLES", "Settings", "load", "masked", "stack_file", "state_folder"]

SERVER_VARIABLES = ("SILTA_KAFKA_BOOTSTRAP", "SILTA_REGISTRY_URL", "SILTA_DATABASE_URL")
"""Servers of your own: give all three, and nothing local is started."""


def state_folder() -> Path:
    """The folder of everything this installation keeps on this machine: ``SILTA_HOME``, by default ``.silta`` here."""
    return Path(os.environ.get("SILTA_HOME", ".silta")).expanduser().resolve()


def stack_file() -> Path:
    """Where ``silta up`` leaves the local servers' addresses and secrets (mode 0600), as settings without their prefix."""
    return state_folder() / "stack.json"


class Settings(BaseSettings):
    """Every setting is the environment variable ``SILTA_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="SILTA_", extra="ignore", frozen=True, hide_input_in_errors=True)

    home: Path = Field(default_factory=state_folder, description="folder of keys, drop folders and local servers")
    mode: Literal["demo", "production"] = Field("production", description="only `demo` accepts unreviewed statutes and missing controllers")
    network: str = Field("oulu-2021", description="name of a network in ops/networks, or the path of a TOML file")

    kafka_bootstrap: str = Field(description="Kafka brokers, host:port[,host:port…]")
    kafka_username: str | None = Field(None, description="SCRAM-SHA-512 user; without one the connection is not authenticated")
    kafka_password: SecretStr | None = Field(None, description="SCRAM-SHA-512 password")
    kafka_tls: bool = Field(False, description="encrypt the connection to Kafka")
    kafka_ca_file: Path | None = Field(None, description="CA certificates (PEM) to trust for Kafka, by default the system's")
    kafka_replication: int = Field(3, ge=1, description="replicas of each topic; the local single broker has 1")
    kafka_partitions: int = Field(6, ge=1, le=256, description="partitions of client-events")
    topic_prefix: str = Field("", pattern=r"^[a-z0-9.-]*$", max_length=64, description="put before every topic's name")
    registry_url: str = Field(description="schema registry's Confluent-compatible API, such as http://host:8081/apis/ccompat/v7")
    database_url: SecretStr = Field(description="PostgreSQL 15 or later, postgresql://user:password@host:port/database")

    keys_file: Path | None = Field(None, description="key-encryption and HMAC keys (mode 0600), by default keys.json in the home folder")
    drop_folder: Path | None = Field(None, description="parent of the partners' drop folders, by default drop in the home folder")
    api_host: str = Field("127.0.0.1", description="address that `silta api` listens on")
    api_port: int = Field(8700, ge=0, le=65535, description="port that `silta api` listens on; 0 picks a free one")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _password_with_username(self) -> Settings:
        if (self.kafka_username is None) != (self.kafka_password is None):
            raise ValueError("give SILTA_KAFKA_USERNAME and SILTA_KAFKA_PASSWORD together, or neither")
        return self

    @property
    def keys(self) -> Path:
        """The key file."""
        return self.keys_file or self.home / "keys.json"

    @property
    def drops(self) -> Path:
        """The parent of the partners' drop folders."""
        return self.drop_folder or self.home / "drop"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the local stack's file unless servers of one's own are given."""
        del dotenv_settings, file_secret_settings
        if any(os.environ.get(name) for name in SERVER_VARIABLES):
            return (init_settings, env_settings)
        return (init_settings, env_settings, JsonConfigSettingsSource(settings_cls, json_file=stack_file()))


def load(**overrides: Any) -> Settings:
    """The settings in force. Raises `FatalError` that names every fault at once and what to do, without values."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [
            f"  {_variable(fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}" for fault in error.errors(include_input=False)
        ]
        missing = any(fault["type"] == "missing" for fault in error.errors(include_input=False))
        advice = (
            f"\nStart local servers with `silta up`, or give your own by {', '.join(SERVER_VARIABLES)}."
            if missing
            else "\nCorrect these variables and try again; `silta config` shows the settings in force."
        )
        raise FatalError("the settings have faults:\n" + "\n".join(lines) + advice) from None


def masked(settings: Settings) -> dict[str, str]:
    """Each setting's value as text for display, secrets masked (passwords inside the database's URL too)."""
    return {name: "********" if isinstance(value, SecretStr) else "" if value is None else str(value) for name, value in settings}


def _variable(location: tuple[int | str, ...]) -> str:
    return "SILTA_" + ".".join(str(part) for part in location).upper() if location else "SILTA_*"
