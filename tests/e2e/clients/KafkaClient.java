// SPDX-License-Identifier: Apache-2.0
// Apache's own client: as apps/kafka/producer.cc, with NAME=VALUE settings of org.apache.kafka.clients.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HexFormat;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

class KafkaClient {
  static byte[] bytes(String word) {
    return word.equals("-") ? null : HexFormat.of().parseHex(word.substring(1));
  }

  static ProducerRecord<byte[], byte[]> record(String topic, String line) {
    String[] words = line.split(" ");
    var record = new ProducerRecord<>(topic, Integer.valueOf(words[0]), Long.valueOf(words[2]), bytes(words[3]), bytes(words[4]));
    for (int i = 5; i < words.length; i += 2) record.headers().add(new String(bytes(words[i])), bytes(words[i + 1]));
    return record;
  }

  public static void main(String[] arguments) throws Exception {
    Properties settings = new Properties();
    for (int i = 1; i < arguments.length; i++) {
      String[] setting = arguments[i].split("=", 2);
      settings.put(setting[0], setting[1]);
    }
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    AtomicLong delivered = new AtomicLong(), failed = new AtomicLong();
    boolean transactions = false;
    String line = input.readLine();
    try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (; line != null; line = input.readLine()) {
        switch (line) {
          case "flush" -> {
            producer.flush();
            System.out.println(delivered);
          }
          case "begin" -> {
            if (!transactions) producer.initTransactions();
            transactions = true;
            producer.beginTransaction();
          }
          case "commit" -> producer.commitTransaction();
          case "abort" -> producer.abortTransaction();
          default -> producer.send(record(arguments[0], line), (metadata, error) -> {
            (error == null ? delivered : failed).incrementAndGet();
            if (error != null) System.err.println("not delivered: " + error);
          });
        }
      }
    }
    System.out.println(delivered);
    System.exit(failed.get() > 0 ? 1 : 0);
  }
}
