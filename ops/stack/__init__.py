"""Kafka, schema registry and PostgreSQL on this machine, started without root, containers or a system Java: ``silta up``.

The same servers stand behind the demo, the tests and the benchmarks.
"""

from ops.stack.local import Endpoints, ServerStatus, down, own_servers, status, up

__all__ = ["Endpoints", "ServerStatus", "down", "own_servers", "status", "up"]
