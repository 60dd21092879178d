"""What has served its time is removed: keys of quarantined records after 30 days, settled claims after one."""

from __future__ import annotations

import structlog

from hub.admitted import prune_claims
from hub.database import connect, reaching_database
from hub.quarantine import destroy_expired_keys
from hub.start import Hub

__all__ = ["keep_house"]

_log = structlog.get_logger()


def keep_house(hub: Hub) -> None:
    """Do it once; a repeat finds nothing more."""
    with reaching_database(), connect(hub.settings) as connection:
        now = hub.now()
        keys, claims = destroy_expired_keys(connection, now), prune_claims(connection, now)
    _log.info("house_kept", quarantine_keys_destroyed=keys, claims_removed=claims)
