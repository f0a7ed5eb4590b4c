// SPDX-License-Identifier: Apache-2.0
// KafkaReader TOPIC RECORDS NAME=VALUE…: Apache's own client, a member of its group with these settings, takes so many
// records from the beginning of a topic.
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

class KafkaReader {
  public static void main(String[] arguments) {
    Properties settings = new Properties();
    settings.put("auto.offset.reset", "earliest");
    for (int i = 2; i < arguments.length; i++) {
      String[] setting = arguments[i].split("=", 2);
      settings.put(setting[0], setting[1]);
    }
    try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of(arguments[0]));
      for (int left = Integer.parseInt(arguments[1]); left > 0;) left -= consumer.poll(Duration.ofSeconds(1)).count();
    }
  }
}
