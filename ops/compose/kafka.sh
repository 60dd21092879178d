#!/bin/bash
# A broker and controller of the cluster in docker-compose.yml. Its settings are written where only memory is, since they hold passwords.
set -euo pipefail
umask 077
admin=$(cat /run/secrets/kafka_admin)
silta=$(cat /run/secrets/kafka_silta)
module=org.apache.kafka.common.security
config=/tmp/server.properties
cat > "$config" << END
process.roles=broker,controller
node.id=$NODE
controller.quorum.voters=1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093
listeners=CLIENTS://:9092,CONTROLLER://:9093
advertised.listeners=CLIENTS://kafka-$NODE:9092
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
listener.security.protocol.map=CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required username="admin" password="$admin";
# SCRAM credentials live in the metadata that the controllers serve, so their own listener has to use PLAIN.
listener.name.controller.sasl.enabled.mechanisms=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.plain.sasl.jaas.config=$module.plain.PlainLoginModule required username="admin" password="$admin" user_admin="$admin";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
log.dirs=${DATA:-/var/lib/kafka/data}
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
unclean.leader.election.enable=false
# A producer that was killed holds back every reader of committed records until its transaction is aborted.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
END
cat > /tmp/admin.properties << END
security.protocol=SASL_PLAINTEXT
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=$module.scram.ScramLoginModule required username="admin" password="$admin";
END
export LOG_DIR=/tmp/logs
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id="$(cat /run/secrets/kafka_cluster)" --config "$config" \
  --add-scram "SCRAM-SHA-512=[name=admin,password=$admin]" --add-scram "SCRAM-SHA-512=[name=silta,password=$silta]"
exec /opt/kafka/bin/kafka-server-start.sh "$config"
