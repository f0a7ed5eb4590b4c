// SPDX-License-Identifier: Apache-2.0
// The YAML side of the configuration: what is accepted, what is refused, and the exact words.
#include <doctest/doctest.h>

#include <cstring>

#include "unit/config_text.h"

using namespace weft;
using namespace weft::test;
using namespace std::chrono_literals;

TEST_CASE("config: an empty file is valid and gives the defaults") {
  for (const char* text : {"", "# nothing\n", "---\n", "discovery:\nexporters:\n"}) {
    const Config config = good(text);
    CHECK(config.discovery.instrument.empty());
    CHECK(config.discovery.poll_interval_ns == 1'000'000'000);
    CHECK(config.propagation.extract == std::vector{ContextFormat::tracecontext, ContextFormat::baggage,
                                                    ContextFormat::b3, ContextFormat::b3multi, ContextFormat::jaeger,
                                                    ContextFormat::xtraceid});
    CHECK(config.propagation.inject == std::vector{ContextFormat::tracecontext, ContextFormat::baggage});
    CHECK(config.propagation.context_destinations.kind == DestinationSet::Kind::any);
    CHECK(config.propagation.baggage_destinations.kind == DestinationSet::Kind::private_only);
    CHECK(config.exporters.otlp.empty());
    CHECK(config.exporters.prometheus.listen == "127.0.0.1:9464");
    CHECK(config.store.traces == 1000);
    CHECK(config.capture.ring_bytes == 4u << 20);
    CHECK(config.capture.idle_timeout == 60s);
    CHECK(config.capture.openssl);
    CHECK(config.control.socket == "/run/weft/weft.sock");
    CHECK(config.shutdown_timeout == 5s);
  }
}

TEST_CASE("config: every key, with its default as the reference shows it") {
  const Config config = good(R"(
discovery:
  instrument:
    - exe_path: /usr/bin/python3*
      cmd_args: "*orders.py*"
      open_ports: 8080,9000-9099
      languages: go
      target_pids: [1234]
      containers_only: false
      name: orders
      namespace: shop
      environment: prod
      task: thread
  exclude: [{exe_path: /usr/bin/ssh}]
  exclude_otel_instrumented: true
  poll_interval: 1s
propagation:
  extract: [tracecontext, baggage]
  inject: [tracecontext, baggage]
  protocols: [http, grpc, kafka, amqp]
  orphans: root
  destinations: {context: any, baggage: private}
  never_enrol: []
  response_header: off
  trust_incoming: true
baggage:
  max_members: 64
  max_bytes: 8192
sampling:
  sampler: parentbased_traceidratio
  arg: 1.0
  rules: []
  keep: {services: [], errors: false, slower_than: 0, slower_than_p99: false, status: [], max_per_second: 0}
  jaeger_remote: {endpoint: "", interval: 60s}
routes:
  patterns: []
  unmatched: heuristic
  ignored: []
kafka: {topics: [], per_key_headers: false, trace_id_header: "", baggage_headers: [], span_per: record, record_limit: 100, message_max_bytes: 1048588}
spans: {baggage_attributes: []}
capture: {headers: [], header_bytes: 4096, ring_bytes: 4MiB, max_connections: 65536, idle_timeout: 60s, openssl: true}
exporters:
  otlp: {endpoint: "", protocol: http/protobuf, headers: {}, compression: gzip, tls: {ca: "", cert: "", key: ""}, queue: 2048, batch: 512, delay: 1s, timeout: 10s}
  zipkin: {endpoint: ""}
  console: {format: off}
  prometheus: {listen: 127.0.0.1:9464, path: /metrics, remote_write: ""}
store: {traces: 1000, bytes: 8MiB}
control: {socket: /run/weft/weft.sock}
page: {listen: off}
log: {level: info, format: text}
shutdown_timeout: 5s
)");
  REQUIRE(config.discovery.instrument.size() == 1);
  const InstrumentRule& rule = config.discovery.instrument[0];
  CHECK(rule.exe_path == "/usr/bin/python3*");
  CHECK(rule.cmd_args == "*orders.py*");
  REQUIRE(rule.open_ports.size() == 2);
  CHECK(rule.open_ports[0].first == 8080);
  CHECK(rule.open_ports[0].last == 8080);
  CHECK(rule.open_ports[1].first == 9000);
  CHECK(rule.open_ports[1].last == 9099);
  CHECK(rule.languages == std::vector{Language::go});
  CHECK(rule.target_pids == std::vector<pid_t>{1234});
  CHECK(rule.service_name == "orders");
  CHECK(rule.service_namespace == "shop");
  CHECK(rule.environment == "prod");
  CHECK(rule.task == TaskRule::thread);
  CHECK(config.discovery.exclude.at(0).exe_path == "/usr/bin/ssh");
}

TEST_CASE("config: values arrive where they belong") {
  const Config config = good(R"(
discovery: {exclude_otel_instrumented: false, poll_interval: 250ms, instrument: [{languages: [python, node], open_ports: [80, 90-99]}]}
propagation: {extract: [baggage], inject: [], protocols: [http], orphans: none, trust_incoming: false, never_enrol: ["*/redis-server"],
  destinations: {context: [10.0.0.0/8, "fd00::/8"], baggage: none}}
sampling: {sampler: always_on}
routes: {patterns: ["/users/{id}"], unmatched: path, ignored: [/healthz]}
spans: {baggage_attributes: [tenant]}
capture: {headers: [X-Request-Id], header_bytes: 2KiB, ring_bytes: 1MiB, max_connections: 1000, idle_timeout: 1m30s, openssl: false}
exporters:
  otlp:
    - {endpoint: "https://a.example:4318/", headers: {Access-Token: "${TOKEN}"}, tls: {ca: /ca, cert: /c, key: /k}, compression: none, queue: 100, batch: 10, delay: 0, timeout: 2s}
    - {endpoint: "http://b:4318"}
  zipkin: [{endpoint: "http://z:9411/api/v2/spans", tls: {ca: /ca}}]
  console: {format: json}
  prometheus: {listen: off}
store: {traces: 10, bytes: 64KiB}
control: {socket: /tmp/x.sock}
log: {level: debug, format: json}
shutdown_timeout: 2m
)");
  CHECK_FALSE(config.discovery.exclude_otel_instrumented);
  CHECK(config.discovery.poll_interval_ns == 250'000'000);
  CHECK(config.discovery.instrument.at(0).languages == std::vector{Language::python, Language::node});
  CHECK(config.discovery.instrument.at(0).open_ports.at(1).last == 99);
  CHECK(config.propagation.extract == std::vector{ContextFormat::baggage});
  CHECK(config.propagation.inject.empty());
  CHECK(config.propagation.protocols == std::vector{Protocol::http});
  CHECK_FALSE(config.discovery.orphans_root);
  CHECK(config.discovery.never_enrol == std::vector<std::string>{"*/redis-server"});
  CHECK_FALSE(config.propagation.trust_incoming);
  CHECK(config.propagation.context_destinations.cidrs.at(0).prefix_bits == 104);
  CHECK(config.propagation.baggage_destinations.kind == DestinationSet::Kind::none);
  CHECK_FALSE(config.sampling.parent_based);
  CHECK(config.routes.patterns == std::vector<std::string>{"/users/{id}"});
  CHECK(config.routes.unmatched == RoutesConfig::Unmatched::path);
  CHECK(config.routes.ignored == std::vector<std::string>{"/healthz"});
  CHECK(config.spans.baggage_attributes == std::vector<std::string>{"tenant"});
  CHECK(config.capture.headers == std::vector<std::string>{"x-request-id"});
  CHECK(config.capture.header_bytes == 2048);
  CHECK(config.capture.ring_bytes == 1u << 20);
  CHECK(config.capture.max_connections == 1000);
  CHECK(config.capture.idle_timeout == 90s);
  CHECK_FALSE(config.capture.openssl);
  REQUIRE(config.exporters.otlp.size() == 2);
  const OtlpConfig& otlp = config.exporters.otlp[0];
  CHECK(otlp.traces_url() == "https://a.example:4318/v1/traces");
  CHECK(otlp.headers.at("access-token") == "s3cret");
  CHECK(otlp.tls.key == "/k");
  CHECK_FALSE(otlp.gzip);
  CHECK(otlp.queue == 100);
  CHECK(otlp.batch == 10);
  CHECK(otlp.delay == 0s);
  CHECK(otlp.timeout == 2s);
  CHECK(config.exporters.otlp[1].traces_url() == "http://b:4318/v1/traces");
  CHECK(config.exporters.zipkin.at(0).endpoint == "http://z:9411/api/v2/spans");
  CHECK(config.exporters.zipkin.at(0).tls == TlsConfig{.ca = "/ca", .cert = "", .key = ""});
  CHECK(config.exporters.console == ConsoleFormat::json);
  CHECK_FALSE(config.exporters.prometheus.enabled());
  CHECK(config.store.bytes == 65536);
  CHECK(config.control.socket == "/tmp/x.sock");
  CHECK(config.log.level == LogLevel::debug);
  CHECK(config.log.format == LogFormat::json);
  CHECK(config.shutdown_timeout == 120s);
}

TEST_CASE("config: what is wrong is refused with line, column and reason") {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c : {
           Case{"colour: red\n", "weft.yaml:1:1: unknown key 'colour'"},
           Case{"capture:\n  bytes: 1\n", "weft.yaml:2:3: unknown key 'capture.bytes'"},
           Case{"exporters:\n  otlp:\n    - endpoint: http://a\n      tls:\n        pin: x\n",
                "weft.yaml:5:9: unknown key 'exporters.otlp.tls.pin'"},
           Case{"log: {level: info}\nlog: {level: warn}\n", "weft.yaml:2:1: log: the key is there twice"},
           Case{"- a\n", "weft.yaml:1:1: expected a map of sections"},
           Case{"capture: 5\n", "weft.yaml:1:10: capture: expected a map"},
           Case{"capture: {headers: x-id}\n", "weft.yaml:1:20: capture.headers: expected a list"},
           Case{"store: {traces: [1]}\n", "weft.yaml:1:17: store.traces: expected a value"},
           Case{"store: {traces: many}\n", "weft.yaml:1:17: store.traces: 'many' is no whole number"},
           Case{"store: {traces: 0}\n", "weft.yaml:1:17: store.traces: 0 is not between 1 and 1000000"},
           Case{"store: {traces: -1}\n", "weft.yaml:1:17: store.traces: '-1' is no whole number"},
           Case{"store: {bytes: 8 MiB}\n", "weft.yaml:1:16: store.bytes: '8 MiB' is no size (such as 512KiB or 4MiB)"},
           Case{"store: {bytes: 1KiB}\n", "weft.yaml:1:16: store.bytes: 1KiB is not between 64KiB and 4GiB"},
           Case{"store: {bytes: 99999999999GiB}\n",
                "weft.yaml:1:16: store.bytes: 99999999999GiB is not between 64KiB and 4GiB"},
           Case{"capture: {ring_bytes: 3MiB}\n", "weft.yaml:1:23: capture.ring_bytes: 3MiB is no power of two"},
           Case{"capture: {header_bytes: 8KiB}\n",
                "weft.yaml:1:25: capture.header_bytes: 8KiB is not between 256 and 4KiB"},
           Case{"capture: {idle_timeout: 60}\n",
                "weft.yaml:1:25: capture.idle_timeout: '60' is no duration (such as 500ms, 1s or 2m)"},
           Case{"capture: {idle_timeout: 1ms}\n",
                "weft.yaml:1:25: capture.idle_timeout: 1ms is not between 1s and 24h"},
           Case{"capture: {idle_timeout: 99999999999999999s}\n",
                "weft.yaml:1:25: capture.idle_timeout: 99999999999999999s is too long"},
           Case{"capture: {headers: ['x y']}\n", "weft.yaml:1:21: capture.headers: 'x y' is no header name"},
           Case{"propagation: {trust_incoming: yes}\n",
                "weft.yaml:1:31: propagation.trust_incoming: 'yes' is neither true nor false"},
           Case{"propagation: {orphans: adopt}\n",
                "weft.yaml:1:24: propagation.orphans: 'adopt' is not one of root, none"},
           Case{"propagation: {inject: [baggage, baggage]}\n",
                "weft.yaml:1:33: propagation.inject: 'baggage' is listed twice"},
           Case{"propagation: {destinations: {context: [10.0.0.0/33]}}\n",
                "weft.yaml:1:40: propagation.destinations.context: 33 is not between 0 and 32"},
           Case{"propagation: {destinations: {context: [example.org]}}\n",
                "weft.yaml:1:40: propagation.destinations.context: 'example.org' is no network (such as 10.0.0.0/8 or "
                "fd00::/8)"},
           Case{"discovery: {instrument: [{name: x}]}\n",
                "weft.yaml:1:26: discovery entry: no condition, it would match nothing"},
           Case{"discovery: {instrument: [{open_ports: 99999}]}\n",
                "weft.yaml:1:39: discovery entry.open_ports: '99999': ports go from 1 to 65535, lower one first"},
           Case{"discovery: {instrument: [{open_ports: 9-8}]}\n",
                "weft.yaml:1:39: discovery entry.open_ports: '9-8': ports go from 1 to 65535, lower one first"},
           Case{"discovery: {instrument: [{languages: cobol}]}\n",
                "weft.yaml:1:38: discovery entry.languages: 'cobol' is no language that weft tells apart (go, python, "
                "node, "
                "java, cpp, …)"},
           Case{"discovery: {instrument: {exe_path: x}}\n", "weft.yaml:1:25: discovery: expected a list of entries"},
           Case{"exporters: {otlp: {endpoint: collector:4318}}\n",
                "weft.yaml:1:30: exporters.otlp.endpoint: 'collector:4318' is no URL that begins with http:// or "
                "https://"},
           Case{"exporters: {otlp: {endpoint: 'http://:4318'}}\n",
                "weft.yaml:1:30: exporters.otlp.endpoint: 'http://:4318' is no URL with a host"},
           Case{"exporters: {otlp: {headers: {a: \"x\\ny\"}}}\n",
                "weft.yaml:1:33: exporters.otlp.headers: a header value has a control character"},
           Case{"exporters: {otlp: {batch: 3000}}\n", "exporters.otlp: batch (3000) is larger than queue (2048)"},
           Case{"exporters: {otlp: {tls: {cert: /c}}}\n", "exporters.otlp: tls.cert and tls.key go together"},
           Case{"exporters: {zipkin: {tls: {key: /k}}}\n", "exporters.zipkin: tls.cert and tls.key go together"},
           Case{"exporters: {prometheus: {listen: 9464}}\n",
                "weft.yaml:1:34: exporters.prometheus.listen: '9464' is neither host:port nor off"},
           Case{"control: {socket: weft.sock}\n",
                "weft.yaml:1:19: control.socket: 'weft.sock' is no path that begins with /"},
           Case{"log:\n  level: ${LEVEL}\n", "weft.yaml:2:10: log.level: the environment variable LEVEL is not set"},
           Case{"a: 1\n---\nb: 2\n", "weft.yaml:3:1: a second document in one file"},
       }) {
    CHECK(error(c.text) == c.message);
  }
  CHECK(error("a: [1\n").starts_with("weft.yaml:2:1: "));
  CHECK(error("\tlog: 1\n").starts_with("weft.yaml:1:"));
  CHECK(error("control: {socket: /" + std::string(100, 'x') + "}") ==
        "weft.yaml:1:19: control.socket: the path is longer than 90 bytes");
}

TEST_CASE("config: the baggage policy, by its file or written out") {
  CHECK(good("").baggage.policy_file == "/etc/weft/baggage.yaml");
  CHECK_FALSE(good("").baggage.policy_named);
  const Config named = good("baggage: {policy: /etc/weft/b.yaml, max_members: 10, max_bytes: 1KiB}\n");
  CHECK(named.baggage.policy_file == "/etc/weft/b.yaml");
  CHECK(named.baggage.policy_named);
  CHECK(named.baggage.max_members == 10);
  CHECK(named.baggage.max_bytes == 1024);
  const Config inside = good("baggage:\n  policy:\n    version: 3\n    redact: [{pattern: 'a', replace: b}]\n");
  REQUIRE(inside.baggage.policy);
  CHECK(inside.baggage.policy->rules.version == "3");
  CHECK(inside.baggage.policy->rules.name == "weft.yaml");
  CHECK(inside.baggage.policy->rules.top.redact.at(0).pattern.place == Place{4, 25});
  CHECK(
      error("baggage:\n  policy:\n    rulez: []\n").starts_with("weft.yaml:3:5: baggage.policy: unknown key 'rulez'"));
  CHECK(error("baggage: {policy: b.yaml}\n") ==
        "weft.yaml:1:19: baggage.policy: 'b.yaml' is no path that begins with /");
  CHECK(error("baggage: {policy: [a]}\n") == "weft.yaml:1:19: baggage.policy: expected a value");
  CHECK(error("baggage: {max_members: 65}\n") == "weft.yaml:1:24: baggage.max_members: 65 is not between 1 and 64");
}

TEST_CASE("config: kafka") {
  const Config defaults = good("");
  CHECK(defaults.kafka.topics.empty());
  CHECK(defaults.kafka.record_limit == 100);
  CHECK(defaults.kafka.message_max_bytes == 1'048'588);
  CHECK_FALSE(defaults.kafka.follow_consumers);
  CHECK_FALSE(defaults.kafka.span_per_batch);
  const Config config = good(
      "kafka: {topics: [orders, 'pay-*'], trace_id_header: traceID, baggage_headers: [tenant-id, env], "
      "span_per: batch, record_limit: 7, message_max_bytes: 64KiB, follow_consumers: true}\n");
  CHECK(config.kafka.topics == std::vector<std::string>{"orders", "pay-*"});
  CHECK(config.kafka.trace_id_header == "traceID");
  CHECK(config.kafka.baggage_headers == std::vector<std::string>{"tenant-id", "env"});
  CHECK(config.kafka.span_per_batch);
  CHECK(config.kafka.record_limit == 7);
  CHECK(config.kafka.message_max_bytes == 65536);
  CHECK(config.kafka.follow_consumers);
  CHECK(error("kafka: {topics: [a, a]}\n") == "weft.yaml:1:21: kafka.topics: 'a' is listed twice");
  CHECK(error("kafka: {topics: ['a b']}\n") ==
        "weft.yaml:1:18: kafka.topics: 'a b' is no topic (1 to 249 visible ASCII characters)");
  CHECK(error("kafka: {span_per: message}\n") ==
        "weft.yaml:1:19: kafka.span_per: 'message' is not one of record, batch");
  CHECK(error("kafka:\n  record_limit: 0\n") == "weft.yaml:2:17: kafka.record_limit: 0 is not between 1 and 100000");
  CHECK(error("kafka: {baggage_headers: ['a=b']}\n") ==
        "weft.yaml:1:27: kafka.baggage_headers: 'a=b' cannot be a key of baggage");
  CHECK(error("kafka: {trace_id_header: [a]}\n") == "weft.yaml:1:26: kafka.trace_id_header: expected a value");
  CHECK(error("kafka: {topic: a}\n").starts_with("weft.yaml:1:9: "));
}

TEST_CASE("config: headers of responses") {
  const auto headers = [](const char* value) {
    return good("propagation: {response_header: " + std::string(value) + "}\n").propagation.response_header;
  };
  CHECK(headers("off") == AnswerHeaders{});
  CHECK(headers("x-trace-id") == AnswerHeaders{.x_trace_id = true, .traceresponse = false});
  CHECK(headers("traceresponse") == AnswerHeaders{.x_trace_id = false, .traceresponse = true});
  CHECK(headers("both") == AnswerHeaders{.x_trace_id = true, .traceresponse = true});
}

TEST_CASE("config: what a later version brings is refused, never ignored") {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c : {
           Case{"sampling: {rules: [{topic: orders, ratio: 1}]}\n",
                "weft.yaml:1:21: sampling rule.topic is not in this version"},
           Case{"propagation: {extract: [tracecontext, xray]}\n",
                "weft.yaml:1:39: propagation.extract: 'xray' is not one of tracecontext, baggage, b3, b3multi, jaeger, "
                "xtraceid"},
           Case{"propagation: {inject: [b3, b3]}\n", "weft.yaml:1:28: propagation.inject: 'b3' is listed twice"},
           Case{
               "propagation: {response_header: all}\n",
               "weft.yaml:1:32: propagation.response_header: 'all' is not one of off, x-trace-id, traceresponse, both"},
           Case{"kafka: {per_key_headers: 7}\n",
                "weft.yaml:1:26: kafka.per_key_headers: '7' is neither true nor false"},
           Case{"discovery: {instrument: [{k8s_namespace: shop}]}\n",
                "weft.yaml:1:27: discovery entry.k8s_namespace is not in this version"},
           Case{"exporters: {otlp: {protocol: grpc}}\n",
                "weft.yaml:1:30: exporters.otlp.protocol: 'grpc' is not in this version (only http/protobuf)"},
           Case{"exporters: {prometheus: {remote_write: 'http://x'}}\n",
                "weft.yaml:1:40: exporters.prometheus.remote_write: 'http://x' is not in this version (only the empty "
                "string)"},
           Case{"page: {listen: '127.0.0.1:9465'}\n",
                "weft.yaml:1:16: page.listen: '127.0.0.1:9465' is not in this version (only off)"},
       }) {
    CHECK(error(c.text) == c.message);
  }
}

TEST_CASE("config: ${NAME} in strings") {
  CHECK(good("exporters: {otlp: {endpoint: 'http://x', headers: {a: 'Bearer ${TOKEN}!'}}}")
            .exporters.otlp[0]
            .headers.at("a") == "Bearer s3cret!");
  const auto name = [](std::string_view text) {
    return good("discovery: {instrument: [{exe_path: '" + std::string(text) + "'}]}").discovery.instrument[0].exe_path;
  };
  CHECK(name("${NONE:-/usr/bin}/x") == "/usr/bin/x");
  CHECK(name("a${EMPTY:-b}") == "ab");
  CHECK(name("a${EMPTY}") == "a");
  CHECK(name("$${TOKEN}") == "${TOKEN}");
  CHECK(name("$HOME $") == "$HOME $");
  CHECK(error("log: {level: '${TOKEN'}") == "weft.yaml:1:14: log.level: '${' without its '}'");
}

TEST_CASE("destinations: one list of prefixes, longest match decides") {
  const auto find = [](const std::vector<DestinationRule>& rules, const char* text) {
    const Config config = good("propagation: {destinations: {context: ['" + std::string(text) + "']}}");
    const auto wanted = config.propagation.context_destinations.cidrs[0];
    const DestinationRule* best = nullptr;
    for (const auto& rule : rules) {
      bool inside = true;
      for (unsigned bit = 0; bit < rule.prefix_bits; ++bit) {
        const auto mask = 0x80u >> (bit % 8);
        inside = inside && (rule.address[bit / 8] & mask) == (wanted.address[bit / 8] & mask);
      }
      if (inside && (!best || best->prefix_bits < rule.prefix_bits)) best = &rule;
    }
    REQUIRE(best);
    return std::string(best->context ? "context" : "-") + (best->baggage ? " baggage" : " -");
  };
  const auto rules_of = [](const std::string& destinations) {
    const auto config = good("propagation: {destinations: " + destinations + "}");
    return destination_rules(config.propagation.context_destinations, config.propagation.baggage_destinations);
  };
  CHECK(rules_of("{context: any, baggage: any}").empty());
  const auto defaults = rules_of("{}");
  CHECK(find(defaults, "8.8.8.8") == "context -");
  CHECK(find(defaults, "127.0.0.1") == "context baggage");
  CHECK(find(defaults, "172.31.0.1") == "context baggage");
  CHECK(find(defaults, "172.32.0.1") == "context -");
  CHECK(find(defaults, "::1") == "context baggage");
  CHECK(find(defaults, "2001:db8::1") == "context -");
  CHECK(find(defaults, "fd12::1") == "context baggage");
  const auto listed = rules_of("{context: [10.0.0.0/8], baggage: [10.1.0.0/16, 192.168.0.0/16]}");
  CHECK(find(listed, "10.2.0.1") == "context -");
  CHECK(find(listed, "10.1.0.1") == "context baggage");
  CHECK(find(listed, "192.168.1.1") == "- baggage");
  CHECK(find(listed, "1.1.1.1") == "- -");
  CHECK(find(rules_of("{context: none, baggage: any}"), "1.1.1.1") == "- baggage");
}
