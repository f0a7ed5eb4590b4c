// SPDX-License-Identifier: Apache-2.0
// gRPC of Java (Netty), both sides; the same service and options as grpc_peer, which says what they mean.
//
//   Peer serve [executor=direct] [transport=nio] [back=PORT [stub=future] [loops=N] [forward=1]]
//   Peer call port=PORT [transport=nio] …
//
// With `back` each call makes one of its own, whose method is named after it (For7), over a channel that all share.
// `executor=direct`: handlers run on the event loops, of which there are `loops` for the server alone (none said: Netty's
// default ones, for both sides). `stub=future`: the handler returns before its call is answered. `forward`: the call
// carries the traceparent that came in.
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.HandlerRegistry;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.ServerCall;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioServerSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

class Peer {
  static final int SLEEP_MS = 3000, DOWN_MESSAGES = 10;
  static final Map<String, MethodType> KINDS = Map.of("Unary", MethodType.UNARY, "Up", MethodType.CLIENT_STREAMING, "Down",
      MethodType.SERVER_STREAMING, "Both", MethodType.BIDI_STREAMING);
  static final Map<String, String> options = new HashMap<>();
  static final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(task -> {
    Thread thread = new Thread(task);
    thread.setDaemon(true);
    return thread;
  });

  static long number(String name, long otherwise) {
    return options.containsKey(name) ? Long.parseLong(options.get(name)) : otherwise;
  }

  // Messages are bytes: field 1 of Bytes, with a length.
  static class Bytes implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      out.write(0x0a);
      int length = value.length;
      for (; length > 127; length >>>= 7) out.write(length & 127 | 128);
      out.write(length);
      out.writeBytes(value);
      return new ByteArrayInputStream(out.toByteArray());
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        byte[] message = stream.readAllBytes();
        if (message.length == 0) return message;
        int at = 1;
        while (message[at] < 0) at++;
        return Arrays.copyOfRange(message, at + 1, message.length);
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  }

  static MethodDescriptor<byte[], byte[]> method(String kind) {
    return MethodDescriptor.<byte[], byte[]>newBuilder().setFullMethodName("weft.test.Peer/" + kind)
        .setType(KINDS.getOrDefault(kind, MethodType.UNARY)).setRequestMarshaller(new Bytes())
        .setResponseMarshaller(new Bytes()).build();
  }

  static Metadata.Key<String> text(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  static Metadata.Key<byte[]> binary(String name) {
    return Metadata.Key.of(name, Metadata.BINARY_BYTE_MARSHALLER);
  }

  static String first(Metadata metadata, String name) {
    if (metadata == null) return "";
    if (!name.endsWith(Metadata.BINARY_HEADER_SUFFIX)) return metadata.containsKey(text(name)) ? metadata.get(text(name)) : "";
    byte[] value = metadata.get(binary(name));
    return value == null ? "" : new String(value, StandardCharsets.ISO_8859_1);
  }

  static String metadataText(Metadata metadata) {
    StringBuilder all = new StringBuilder();
    for (String name : new TreeSet<>(metadata.keys())) {
      if (name.startsWith("grpc-") || name.matches("user-agent|accept-encoding|content-type|te")) continue;
      Consumer<byte[]> add = value -> all.append(name).append('=').append(HexFormat.of().formatHex(value)).append('\n');
      if (name.endsWith(Metadata.BINARY_HEADER_SUFFIX)) metadata.getAll(binary(name)).forEach(add);
      else metadata.getAll(text(name)).forEach(value -> add.accept(value.getBytes(StandardCharsets.ISO_8859_1)));
    }
    return all.toString();
  }

  static boolean nio() {
    return "nio".equals(options.get("transport"));
  }

  static EventLoopGroup eventLoops(int threads) {
    return new MultiThreadIoEventLoopGroup(threads, nio() ? NioIoHandler.newFactory() : EpollIoHandler.newFactory());
  }

  static ManagedChannel channel(long port, EventLoopGroup both) {
    NettyChannelBuilder builder = NettyChannelBuilder.forAddress("127.0.0.1", (int) port).usePlaintext()
        .maxInboundMessageSize(Integer.MAX_VALUE).proxyDetector(address -> null);
    if (nio()) builder.channelType(NioSocketChannel.class).eventLoopGroup(both);
    return builder.build();
  }

  // --- the server

  // What the back saw is given to `then`: empty when it did not answer.
  static void callBack(ManagedChannel back, Metadata came, Consumer<String> then) {
    String id = first(came, "call-id");
    Metadata headers = new Metadata();
    headers.put(text("call-id"), id);
    if (number("forward", 0) == 1) headers.put(text("traceparent"), first(came, "traceparent"));
    AtomicReference<Metadata> trailers = new AtomicReference<>();
    var channel = ClientInterceptors.intercept(back, MetadataUtils.newAttachHeadersInterceptor(headers),
        MetadataUtils.newCaptureMetadataInterceptor(new AtomicReference<>(), trailers));
    byte[] message = id.getBytes(StandardCharsets.US_ASCII);
    if ("future".equals(options.get("stub"))) {
      var answer = ClientCalls.futureUnaryCall(channel.newCall(method("For" + id), CallOptions.DEFAULT), message);
      answer.addListener(() -> then.accept(first(trailers.get(), "seen-bin")), Runnable::run);
      return;
    }
    try {
      ClientCalls.blockingUnaryCall(channel, method("For" + id), CallOptions.DEFAULT, message);
    } catch (StatusRuntimeException error) {
      System.err.println("the back does not answer: " + error);
    }
    then.accept(first(trailers.get(), "seen-bin"));
  }

  static class Answer extends ServerCall.Listener<byte[]> {
    final ServerCall<byte[], byte[]> call;
    final Metadata came;
    final ManagedChannel back;
    final String kind;
    long bytes = 0;

    Answer(ServerCall<byte[], byte[]> call, Metadata came, ManagedChannel back) {
      this.call = call;
      this.came = came;
      this.back = back;
      kind = call.getMethodDescriptor().getBareMethodName();
      call.sendHeaders(new Metadata());
      call.request(1);
    }

    @Override
    public void onMessage(byte[] message) {
      bytes += message.length;
      for (int i = kind.equals("Down") ? DOWN_MESSAGES : kind.equals("Up") ? 0 : 1; i > 0; i--) call.sendMessage(message);
      call.request(1);
    }

    @Override
    public void onHalfClose() {
      if (kind.equals("Up")) call.sendMessage(Long.toString(bytes).getBytes(StandardCharsets.US_ASCII));
      Metadata said = new Metadata();
      said.put(binary("seen-bin"), metadataText(came).getBytes(StandardCharsets.ISO_8859_1));
      said.put(text("peer"), String.valueOf(call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR)));
      String work = first(came, "work");
      if (work.equals("sleep")) timer.schedule(() -> end(Status.OK, said), SLEEP_MS, TimeUnit.MILLISECONDS);
      else if (work.equals("fail")) end(Status.INVALID_ARGUMENT.withDescription("not this"), said);
      else if (back == null) end(Status.OK, said);
      else callBack(back, came, seen -> {
        said.put(binary("back-seen-bin"), seen.getBytes(StandardCharsets.ISO_8859_1));
        end(seen.isEmpty() ? Status.INTERNAL.withDescription("the back does not answer") : Status.OK, said);
      });
    }

    void end(Status status, Metadata said) {
      if (!call.isCancelled()) call.close(status, said);
    }
  }

  static void serve() throws Exception {
    EventLoopGroup both = nio() ? eventLoops(0) : null;   // otherwise gRPC's own, which are one for both, too
    ManagedChannel back = options.containsKey("back") ? channel(number("back", 0), both) : null;
    NettyServerBuilder builder = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
        .maxInboundMessageSize(Integer.MAX_VALUE).fallbackHandlerRegistry(new HandlerRegistry() {
          @Override
          public ServerMethodDefinition<?, ?> lookupMethod(String name, String authority) {
            return ServerMethodDefinition.create(method(name.substring(name.lastIndexOf('/') + 1)),
                (call, came) -> new Answer(call, came, back));
          }
        });
    if (nio() || options.containsKey("loops")) {
      EventLoopGroup own = options.containsKey("loops") ? eventLoops((int) number("loops", 0)) : both;
      builder.bossEventLoopGroup(own).workerEventLoopGroup(own)
          .channelType(nio() ? NioServerSocketChannel.class : EpollServerSocketChannel.class);
    }
    if ("direct".equals(options.get("executor"))) builder.directExecutor();
    System.out.println(builder.build().start().getPort());
    Thread.currentThread().join();
  }

  // --- the client

  static Metadata sent(long id) {
    Metadata metadata = new Metadata();
    metadata.put(text("call-id"), Long.toString(id));
    metadata.put(text("zz-text"), "z".repeat((int) (id % 97)) + id * 7);
    metadata.put(text("two"), "first");
    metadata.put(text("two"), "second");
    byte[] data = new byte[(int) (id % 50)];
    for (int i = 0; i < data.length; i++) data[i] = (byte) (i * id);
    metadata.put(binary("data-bin"), data);
    if (options.containsKey("work")) metadata.put(text("work"), options.get("work"));
    if (number("own", 0) == 1) metadata.put(text("traceparent"), String.format("00-7e57%028x-00f0%012x-01", id, id));
    return metadata;
  }

  static class Call extends ClientCall.Listener<byte[]> {
    final long id;
    final Metadata metadata;
    final String sentText;
    final Runnable then;
    ClientCall<byte[], byte[]> call;
    int messages = 0;
    long bytes = 0;

    Call(long id, Metadata metadata, Runnable then) {
      this.id = id;
      this.metadata = metadata;
      this.then = then;
      sentText = metadataText(metadata);
    }

    void start(ManagedChannel channel, String kind, CallOptions how) {
      call = channel.newCall(method(kind), how);
      call.start(this, metadata);
      call.request(Integer.MAX_VALUE);
      byte[] message = new byte[(int) number("bytes", 10)];
      Arrays.fill(message, (byte) ('a' + id % 26));
      boolean up = !method(kind).getType().clientSendsOneMessage();
      for (long i = up ? number("messages", 10) : 1; i > 0; i--) call.sendMessage(message);
      call.halfClose();
    }

    @Override
    public void onMessage(byte[] answer) {
      messages++;
      bytes += answer.length;
      if (id > 0 && number("cancel", 0) == 1) call.cancel("given up", null);
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      if (id > 0) System.out.println(json(status, trailers));
      then.run();
    }

    String json(Status status, Metadata trailers) {
      return String.format("{\"id\":\"%d\",\"code\":%d,\"why\":%s,\"sent\":%s,\"seen\":%s,\"back_seen\":%s,\"peer\":%s,"
          + "\"messages\":%d,\"bytes\":%d}", id, status.getCode().value(), quoted(String.valueOf(status.getDescription())),
          quoted(sentText), quoted(first(trailers, "seen-bin")), quoted(first(trailers, "back-seen-bin")),
          quoted(first(trailers, "peer")), messages, bytes);
    }

    static String quoted(String value) {
      return '"' + value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replaceAll("\\p{Cntrl}", " ") + '"';
    }
  }

  static void oneAndWait(ManagedChannel channel) throws InterruptedException {
    CountDownLatch over = new CountDownLatch(1);
    new Call(0, new Metadata(), over::countDown).start(channel, "Unary", CallOptions.DEFAULT);
    over.await();
  }

  static void call() throws Exception {
    ManagedChannel channel = channel(number("port", 0), nio() ? eventLoops(1) : null);
    long first = number("first", 1), count = number("count", 1), deadline = number("deadline_ms", 0);
    String kind = options.getOrDefault("kind", "Unary");
    // A deadline is counted from when the connection stands.
    if (deadline > 0) oneAndWait(channel);
    AtomicLong next = new AtomicLong(first);
    CountDownLatch left = new CountDownLatch((int) count);
    Runnable more = new Runnable() {
      @Override
      public void run() {
        long id = next.getAndIncrement();
        if (id >= first + count) return;
        CallOptions how = CallOptions.DEFAULT;
        if (deadline > 0) how = how.withDeadlineAfter(deadline, TimeUnit.MILLISECONDS);
        new Call(id, sent(id), () -> {
          left.countDown();
          timer.schedule(this, number("pause_ms", 0), TimeUnit.MILLISECONDS);
        }).start(channel, kind, how);
      }
    };
    for (long i = number("at_once", 1); i > 0; i--) more.run();
    left.await();
    // A call that is given up is over for its caller before that has been sent: it has when a later one is answered.
    if (deadline > 0 || number("cancel", 0) == 1) oneAndWait(channel);
    channel.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
    System.exit(0);
  }

  static void read(String[] arguments) {
    for (String argument : arguments) {
      String[] both = argument.split("=", 2);
      if (both.length == 2) options.put(both[0], both[1]);
    }
  }

  public static void main(String[] arguments) throws Exception {
    read(arguments);
    if (arguments[0].equals("serve")) serve();
    else call();
  }
}
