"""The network that this installation serves: found by name, checked, and announced to the stream processors."""

from __future__ import annotations

from datetime import datetime
from importlib import resources
from pathlib import Path

from consent.errors import ConsentError
from consent.model import Network
from consent.networks import load_network, network_json, require_complete
from hub import codec, outbox, topics
from hub.database import Connection
from hub.errors import FatalError
from hub.settings import Settings
from hub.vault import Keyring

__all__ = ["announce", "find", "load", "names"]

_FORM = codec.schema(topics.CONSENT_CHANGES.schema)


def names() -> list[str]:
    """The networks that come with Silta."""
    return sorted(entry.name.removesuffix(".toml") for entry in resources.files("ops.networks").iterdir() if entry.name.endswith(".toml"))


def find(name: str) -> Path:
    """The file of a network: one that comes with Silta, or a path. Raises `FatalError` that lists the known ones."""
    path = Path(name) if name.endswith(".toml") else Path(str(resources.files("ops.networks").joinpath(f"{name}.toml")))
    if not path.is_file():
        raise FatalError(f"there is no network {name!r}: give SILTA_NETWORK one of {', '.join(names())}, or the path of a TOML file")
    return path


def load(settings: Settings) -> Network:
    """The network of the settings. Raises `FatalError` with every fault; outside `demo` mode, with everything that is not reviewed or missing too."""
    try:
        network = load_network(find(settings.network), demo=settings.mode == "demo")
        if settings.mode != "demo":
            require_complete(network)
    except ConsentError as error:
        advice = "" if settings.mode == "demo" else "\nUntil then it runs in demo mode only (SILTA_MODE=demo)."
        raise FatalError(f"the network {settings.network} can't be used:\n{error}{advice}") from error
    return network


def announce(connection: Connection, keyring: Keyring, wire: codec.Wire, network: Network, now: datetime) -> bool:
    """Publish this version of the rules, unless it is the one in force. In the caller's transaction; True if it was new."""
    connection.execute("LOCK TABLE network_version IN SHARE ROW EXCLUSIVE MODE")
    last = connection.execute("SELECT version FROM network_version ORDER BY activated_at DESC LIMIT 1").fetchone()
    if last is not None and last[0] == network.version:
        return False
    content = network_json(network)
    connection.execute(
        "INSERT INTO network_version (version, network, content, activated_at) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (version) DO UPDATE SET activated_at = excluded.activated_at",
        (network.version, network.id, content, now),
    )
    value = {
        "change_id": keyring.stable_id("network-version", network.version.encode(), now.isoformat().encode()),
        "recorded_at": now,
        "change": ("fi.silta.NetworkVersion", {"network": network.id, "version": network.version, "content": content}),
    }
    outbox.put(connection, topics.CONSENT_CHANGES, [(network.id.encode(), wire.encode(_FORM, value))])
    return True
