#!/bin/sh
# Makes the passwords that docker-compose.yml reads, once: sh ops/compose/make-secrets.sh
# They lie outside of what is packaged, in .silta/compose. The folder is closed to others; the files in it are readable, since the containers' users differ from yours.
set -eu
folder=$(dirname "$0")/../../.silta/compose
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

for name in kafka_admin kafka_silta postgres_silta postgres_registry; do
  if ! [ -s "$folder/$name" ]; then random > "$folder/$name"; fi
done
# A cluster's id is 16 random bytes in URL-safe base64; kept here so that all brokers agree on it.
if ! [ -s "$folder/kafka_cluster" ]; then head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | tr -d '=\n' > "$folder/kafka_cluster"; fi
printf 'apicurio.datasource.password=%s\n' "$(cat "$folder/postgres_registry")" > "$folder/registry.properties"
echo "$(cd "$folder" && pwd -P): $(ls "$folder" | wc -l | tr -d ' ') files"
