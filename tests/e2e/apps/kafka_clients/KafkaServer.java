// SPDX-License-Identifier: Apache-2.0
// KafkaServer SERVERS TOPIC: as server.py, the JDK's server with a pool of threads and Apache's own client.
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

class KafkaServer {
  public static void main(String[] arguments) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", arguments[0]);
    var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 256);
    server.setExecutor(Executors.newFixedThreadPool(32));
    server.createContext("/", exchange -> {
      Map<String, String> query = new HashMap<>();
      String text = exchange.getRequestURI().getQuery(), path = exchange.getRequestURI().getPath();
      for (String one : text == null || text.isEmpty() ? new String[0] : text.split("&")) query.put(one.split("=")[0], one.split("=")[1]);
      if (path.equals("/produce")) {
        var record = new ProducerRecord<>(arguments[1], "key", query.get("value"));
        record.headers().add("id", query.getOrDefault("id", "").getBytes());
        producer.send(record);
      }
      if (path.equals("/flush") || query.containsKey("wait")) producer.flush();
      exchange.sendResponseHeaders(200, 4);
      exchange.getResponseBody().write("done".getBytes());
      exchange.getResponseBody().close();
    });
    server.start();
    System.out.println(server.getAddress().getPort());
  }
}
