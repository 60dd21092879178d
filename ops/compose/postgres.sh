#!/bin/sh
# Run once by the image, on an empty data folder: the registry's own database and user.
set -eu
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set password="$(cat /run/secrets/postgres_registry)" << 'END'
CREATE ROLE registry LOGIN PASSWORD :'password';
CREATE DATABASE registry OWNER registry;
REVOKE ALL ON DATABASE silta, registry FROM PUBLIC;
END
