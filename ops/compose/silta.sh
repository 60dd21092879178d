#!/bin/sh
# Any command of Silta's in its container: passwords come from files, never from the compose file's environment.
set -eu
SILTA_KAFKA_PASSWORD=$(cat /run/secrets/kafka_silta)
SILTA_DATABASE_URL=postgresql://silta:$(cat /run/secrets/postgres_silta)@postgres:5432/silta
export SILTA_KAFKA_PASSWORD SILTA_DATABASE_URL
exec silta "$@"
