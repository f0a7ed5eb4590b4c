// SPDX-License-Identifier: Apache-2.0
// A server of HTTP/1.1 with blocking threads that calls by gRPC of Java: Front back=PORT leaf=PORT. Prints its port.
//
//   /work?id=N   a thread made for it calls the leaf over HTTP/1.1 and ends; then a call to the back, named For<N>
//   /first?id=N  the same over a new channel, which all use from now on; says so when it has called, and answers only
//                when /end was asked for
//
// The channel's threads are started within the request that makes it, and go on for others while that one lasts.
import com.sun.net.httpserver.HttpServer;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.stub.ClientCalls;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;

class Front {
  static volatile ManagedChannel back;
  static final CountDownLatch end = new CountDownLatch(1);

  static void callLeaf(String id) {
    try {
      URI uri = URI.create("http://127.0.0.1:" + Peer.number("leaf", 0) + "/leaf?id=" + id);
      HttpURLConnection call = (HttpURLConnection) uri.toURL().openConnection();
      call.setRequestProperty("Connection", "close");
      call.getInputStream().readAllBytes();
    } catch (java.io.IOException error) {
      System.err.println("the leaf does not answer: " + error);
    }
  }

  static void serve(String path, String id) throws InterruptedException {
    if (path.equals("/end")) {
      end.countDown();
      return;
    }
    Thread helper = new Thread(() -> callLeaf(id));
    helper.start();
    helper.join();
    if (path.equals("/first")) back = Peer.channel(Peer.number("back", 0), Peer.eventLoops(1));
    if (back == null) return;
    byte[] message = id.getBytes(StandardCharsets.US_ASCII);
    ClientCalls.blockingUnaryCall(back, Peer.method("For" + id), CallOptions.DEFAULT, message);
    if (!path.equals("/first")) return;
    System.out.println("called");
    end.await();
  }

  public static void main(String[] arguments) throws Exception {
    Peer.read(arguments);
    Peer.options.put("transport", "nio");
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 100);
    server.setExecutor(Executors.newFixedThreadPool(16));
    server.createContext("/", exchange -> {
      try {
        serve(exchange.getRequestURI().getPath(), String.valueOf(exchange.getRequestURI().getQuery()).replace("id=", ""));
      } catch (InterruptedException error) {
        throw new java.io.IOException(error);
      }
      exchange.sendResponseHeaders(200, 3);
      exchange.getResponseBody().write("ok\n".getBytes(StandardCharsets.US_ASCII));
      exchange.close();
    });
    server.start();
    System.out.println(server.getAddress().getPort());
  }
}
