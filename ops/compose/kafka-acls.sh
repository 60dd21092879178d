#!/bin/bash
# Gives Silta's user the rights of acls.txt. A repeat changes nothing.
set -euo pipefail
umask 077
export LOG_DIR=/tmp/logs
cat > /tmp/admin.properties << END
security.protocol=SASL_PLAINTEXT
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="$(cat /run/secrets/kafka_admin)";
END
grep -v '^#' /etc/silta/acls.txt | while read -r resource name pattern operations; do
  words=()
  for operation in ${operations//,/ }; do words+=(--operation "$operation"); done
  target=("--$resource")
  if [ "$resource" != cluster ]; then target+=("$name" --resource-pattern-type "$pattern"); fi
  /opt/kafka/bin/kafka-acls.sh --bootstrap-server kafka-1:9092,kafka-2:9092,kafka-3:9092 --command-config /tmp/admin.properties \
    --add --force --allow-principal User:silta "${words[@]}" "${target[@]}" < /dev/null
done
