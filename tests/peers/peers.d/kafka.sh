# SPDX-License-Identifier: Apache-2.0
# Apache Kafka, one KRaft node, from Maven Central. Ports: clients, controller.
version=4.3.1
default_ports="9092 9093"
limit=90

get() {
  fill "$here/conf/kafka-pom.xml" VERSION=$version >"$home/pom.xml"
  maven_jars "$home/pom.xml" "$home/lib"
}

start() {
  fill "$here/conf/kafka.properties" PORT="${ports[0]}" CONTROLLER="${ports[1]}" DATA="$run/data" >"$run/server.properties"
  if [[ -n ${WEFT_PEER_CONFIG:-} ]]; then cat "$WEFT_PEER_CONFIG" >>"$run/server.properties"; fi
  [[ -e $run/data/meta.properties ]] || java -Xmx256m -cp "$home/lib/*" kafka.tools.StorageTool format \
    -t MkU3OEVBNTcwNTJENDM2Qg -c "$run/server.properties" >"$run/format.log" 2>&1 \
    || die "kafka: formatting failed: $(tail -n 5 "$run/format.log")"
  launch java -Xms256m -Xmx512m -XX:+UseG1GC -Djava.awt.headless=true -Dorg.slf4j.simpleLogger.defaultLogLevel=info \
    -cp "$home/lib/*" kafka.Kafka "$run/server.properties"
}

ready() { grep -q 'Kafka Server started' "$run/log" && listening "${ports[0]}"; }

tool() {
  local class=${1:?which class?}
  shift
  case $class in
    topics) class=org.apache.kafka.tools.TopicCommand ;;
    producer) class=org.apache.kafka.tools.ConsoleProducer ;;
    consumer) class=org.apache.kafka.tools.consumer.ConsoleConsumer ;;
    groups) class=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
    configs) class=kafka.admin.ConfigCommand ;;
    perf) class=org.apache.kafka.tools.ProducerPerformance ;;
  esac
  exec java -Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$home/lib/*" "$class" "$@"
}
