"""The schema registry (Confluent-compatible API): outsiders find the schemas there; the hub itself reads `schemas/`."""

from __future__ import annotations

import json
from typing import Any

import httpx

from hub.codec import Wire, schema_text
from hub.errors import FatalError, TransientError
from hub.settings import Settings
from hub.topics import TOPICS

__all__ = ["Registry"]

_TYPE = "application/vnd.schemaregistry.v1+json"
_SECONDS = 10.0
_LEVEL = "FULL_TRANSITIVE"


class Registry:
    """Calls of one registry. Every call raises `TransientError` when it does not answer, `FatalError` when it refuses."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._client = httpx.Client(base_url=settings.registry_url.rstrip("/") + "/", timeout=_SECONDS, headers={"content-type": _TYPE})

    def publish(self) -> Wire:
        """Register the schema of every topic under ``<topic>-value``, compatibility FULL_TRANSITIVE; a repeat changes nothing.

        Returns the ids for the wire format.
        """
        ids = {}
        for topic in TOPICS:
            subject = self._subject(topic.name)
            answer = self._call("POST", f"subjects/{subject}/versions", {"schema": schema_text(topic.schema)})
            if answer.status_code == httpx.codes.CONFLICT:
                raise FatalError(f"the registry refuses {topic.schema} for {subject}: it is not compatible with what stands there")
            ids[topic.schema] = int(self._good(answer)["id"])
            self._good(self._call("PUT", f"config/{subject}", {"compatibility": _LEVEL}))
        return Wire(ids)

    def is_compatible(self, topic: str, text: str) -> bool:
        """Whether the registry would take this schema as the topic's next version. True for a topic that has none."""
        answer = self._call("POST", f"compatibility/subjects/{self._subject(topic)}/versions", {"schema": text})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return True
        return bool(self._good(answer)["is_compatible"])

    def _subject(self, topic: str) -> str:
        return f"{self._prefix}{topic}-value"

    def _call(self, method: str, path: str, body: dict[str, str]) -> httpx.Response:
        try:
            answer = self._client.request(method, path, content=json.dumps(body))
        except httpx.HTTPError as error:
            raise TransientError("the schema registry can't be reached: see `silta status`, or SILTA_REGISTRY_URL") from error
        if answer.is_server_error:
            raise TransientError(f"the schema registry answers {answer.status_code}: see `silta status`, or SILTA_REGISTRY_URL")
        return answer

    def _good(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.is_error:
            raise FatalError(f"the schema registry answers {answer.status_code} to {answer.request.method} {answer.request.url.path}")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise FatalError("what answers at SILTA_REGISTRY_URL is no schema registry: give the address of its Confluent-compatible API")
        return found
