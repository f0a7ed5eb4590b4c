// SPDX-License-Identifier: Apache-2.0
// The configuration as plain values: every key of weft.yaml with its default. Reading it is control/config_load.h.
// What a later version will bring has no field here; the loader refuses it (docs/configuration.md).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/policy_yaml.h"
#include "discover/rules.h"
#include "kernel/kernel.h"
#include "sampling/options.h"

namespace weft {

enum class Protocol : std::uint8_t { http, grpc, kafka, amqp };

// Where something may be sent. `cidrs` counts only with Kind::list.
struct DestinationSet {
  enum class Kind : std::uint8_t { any, private_only, none, list };
  Kind kind = Kind::any;
  struct Cidr {
    std::uint8_t address[16] = {};  // network order, IPv4 as v4-mapped IPv6, host bits zero
    unsigned prefix_bits = 0;       // of 128
  };
  std::vector<Cidr> cidrs;
};

struct PropagationConfig {
  std::vector<ContextFormat> extract = PropagationOptions{}.extract;  // in order of precedence
  std::vector<ContextFormat> inject = PropagationOptions{}.inject;
  // Only http acts in this version; the others are accepted because they stand in the default.
  std::vector<Protocol> protocols = {Protocol::http, Protocol::grpc, Protocol::kafka, Protocol::amqp};
  DestinationSet context_destinations;
  DestinationSet baggage_destinations = {DestinationSet::Kind::private_only, {}};
  bool trust_incoming = true;
  bool kafka_per_key_headers = false;  // baggage goes into records as one header a member: kafka.per_key_headers
  AnswerHeaders response_header;
};

inline constexpr const char* kDefaultPolicyFile = "/etc/weft/baggage.yaml";

struct BaggageConfig {
  std::string policy_file = kDefaultPolicyFile;
  bool policy_named = false;         // it must be there; the default one need not
  std::optional<ReadPolicy> policy;  // written out inside weft.yaml, by whose path it is named; wins
  std::uint32_t max_members = 64;    // W3C Baggage, section 3.3.2
  std::uint32_t max_bytes = 8192;
};

struct RoutesConfig {
  enum class Unmatched : std::uint8_t { heuristic, path, wildcard };
  std::vector<std::string> patterns;
  Unmatched unmatched = Unmatched::heuristic;
  std::vector<std::string> ignored;  // no spans, metrics only
};

struct KafkaConfig {
  // Globs; records of others are not changed, and there are no spans of messages that are received. Empty: all.
  std::vector<std::string> topics;
  std::string trace_id_header;               // a record header that holds a bare trace id
  std::vector<std::string> baggage_headers;  // record headers that are members of baggage
  bool span_per_batch = false;
  std::size_t record_limit = 100;               // beyond it one span is made of all, received or sent together
  std::uint32_t message_max_bytes = 1'048'588;  // no batch is made longer; the broker's default of message.max.bytes
  bool follow_consumers = false;  // what a thread does for the record that it was given last joins that record's trace
};

struct SpansConfig {
  std::vector<std::string> baggage_attributes;  // baggage keys shown as span attributes
};

struct CaptureConfig {
  std::vector<std::string> headers;  // lower case; values of these are kept
  std::uint32_t header_bytes = 4096;
  std::uint32_t ring_bytes = 4u << 20;  // power of two
  std::uint32_t max_connections = 65536;
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60);
  CaptureHook hook = CaptureHook::automatic;
  bool openssl = true;  // what programs encrypt by it is seen
};

struct TlsConfig {
  std::string ca, cert, key;  // PEM files; empty = system CAs, no client certificate
  bool operator==(const TlsConfig&) const = default;
};

struct OtlpConfig {
  std::string endpoint;         // base URL; "/v1/traces" is added. Empty = off (unless traces_endpoint is set)
  std::string traces_endpoint;  // taken whole (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT); wins
  std::map<std::string, std::string> headers;
  bool gzip = true;
  TlsConfig tls;
  std::size_t queue = 2048;
  std::size_t batch = 512;
  std::chrono::nanoseconds delay = std::chrono::seconds(1);
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);

  bool enabled() const { return !endpoint.empty() || !traces_endpoint.empty(); }
  std::string traces_url() const;  // REQUIRES: enabled()
  bool operator==(const OtlpConfig&) const = default;
};

struct ZipkinConfig {
  std::string endpoint;  // whole URL; empty = off
  TlsConfig tls;
  bool enabled() const { return !endpoint.empty(); }
  bool operator==(const ZipkinConfig&) const = default;
};

enum class ConsoleFormat : std::uint8_t { off, tree, json };

struct PrometheusConfig {
  std::string listen = "127.0.0.1:9464";  // "off" = no scrape endpoint
  std::string path = "/metrics";
  bool enabled() const { return listen != "off"; }
  bool operator==(const PrometheusConfig&) const = default;
};

struct ExportersConfig {
  std::vector<OtlpConfig> otlp;
  std::vector<ZipkinConfig> zipkin;
  ConsoleFormat console = ConsoleFormat::off;
  PrometheusConfig prometheus;
};

struct StoreConfig {
  std::size_t traces = 1000;
  std::size_t bytes = 8u << 20;
};

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error };
enum class LogFormat : std::uint8_t { text, json };

inline constexpr const char* kDefaultConfigFile = "/etc/weft/weft.yaml";
inline constexpr const char* kDefaultSocket = "/run/weft/weft.sock";

struct Config {
  DiscoveryRules discovery;  // with propagation.orphans and propagation.never_enrol, which are decided per process
  PropagationConfig propagation;
  BaggageConfig baggage;
  SamplingOptions sampling;
  RoutesConfig routes;
  KafkaConfig kafka;
  SpansConfig spans;
  CaptureConfig capture;
  ExportersConfig exporters;
  StoreConfig store;
  struct {
    std::string socket = kDefaultSocket;
  } control;
  struct {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::text;
  } log;
  std::chrono::nanoseconds shutdown_timeout = std::chrono::seconds(5);
  // OTEL_RESOURCE_ATTRIBUTES of the agent itself, for every span's resource where the process does not say otherwise;
  // service.name and service.instance.id describe the agent there and are left out.
  std::map<std::string, std::string> resource_attributes;
  // WEFT_ variables that are set and that neither a key nor a ${…} of the file asks for: slips, worth a warning.
  std::vector<std::string> ignored_variables;
};

// The keys that differ and cannot change while the agent runs, by name; the others take effect by Agent::reload.
std::vector<std::string> keys_for_a_restart(const Config& running, const Config& wanted);

// For PropagationOptions::destinations: both sets merged into prefixes of which the longest match decides. Empty = any,
// any.
std::vector<DestinationRule> destination_rules(const DestinationSet& context, const DestinationSet& baggage);

}  // namespace weft
