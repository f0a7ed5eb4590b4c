// SPDX-License-Identifier: Apache-2.0
#include "exporter/prometheus/red_metrics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "exporter/prometheus/metric_builder.h"

namespace weft {
namespace {

constexpr std::size_t kMostValueBytes = 128;  // of a baggage value as a label
constexpr std::size_t resource_labels = 2;    // service_name, service_namespace

// Attributes that become labels, in the order of the labels; the last two count only for clients.
constexpr std::array<std::string_view, 7> label_attributes{"http.request.method", "http.response.status_code",
                                                           "http.route",          "network.protocol.version",
                                                           "error.type",          "server.address",
                                                           "server.port"};
constexpr std::size_t server_attributes = 5;
constexpr std::span<const std::string_view> client_labels{label_attributes};
constexpr std::span<const std::string_view> server_labels = client_labels.first(server_attributes);

// The same of remote procedure calls.
constexpr std::array<std::string_view, 6> rpc_label_attributes{"rpc.system.name", "rpc.method",     "rpc.status_code",
                                                               "error.type",      "server.address", "server.port"};
constexpr std::size_t rpc_server_attributes = 4;
constexpr std::span<const std::string_view> rpc_client_labels{rpc_label_attributes};
constexpr std::span<const std::string_view> rpc_server_labels = rpc_client_labels.first(rpc_server_attributes);

// Messages that were sent, and that were received.
constexpr std::array<std::string_view, 6> sent_labels{
    "messaging.system", "messaging.operation.name", "messaging.destination.name",
    "error.type",       "server.address",           "server.port"};
constexpr std::array<std::string_view, 6> processed_labels{"messaging.system",
                                                           "messaging.operation.name",
                                                           "messaging.destination.name",
                                                           "messaging.consumer.group.name",
                                                           "server.address",
                                                           "server.port"};
constexpr std::array<std::string_view, 3> received_labels{"messaging.system", "messaging.destination.name",
                                                          "messaging.consumer.group.name"};
constexpr std::size_t most_labels = label_attributes.size();

std::vector<std::string> label_names(std::span<const std::string_view> attributes) {
  std::vector<std::string> names{"service_name", "service_namespace"};
  for (const std::string_view attribute : attributes) {
    std::string name(attribute);
    std::replace(name.begin(), name.end(), '.', '_');
    names.push_back(std::move(name));
  }
  return names;
}

// A 0 byte separates the values of a key, so it may not be in one.
void append_text(std::string& key, std::string_view text) {
  if (const std::size_t zero = text.find('\0'); zero != text.npos) text = text.substr(0, zero);
  key += text;
}

void append_value(std::string& key, const AttributeValue* value) {
  if (value == nullptr) {
  } else if (const auto* text = std::get_if<std::string>(value)) {
    append_text(key, *text);
  } else if (const auto* number = std::get_if<std::int64_t>(value)) {
    char buffer[24];
    key.append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), *number).ptr);
  } else {
    key += to_text(*value);
  }
  key += '\0';
}

bool is_entry(const Span& span) {
  if (span.kind == SpanKind::server || span.kind == SpanKind::consumer) return true;
  return span.trace_id.valid() && !span.parent_span_id.valid();  // without a trace it is a call of unknown parent
}

std::string_view service_of(const Span& span) {
  return span.resource ? std::string_view(span.resource->service_name) : std::string_view("unknown_service");
}

double seconds_of(const Span& span) {
  return static_cast<double>(span.end_unix_ns - std::min(span.start_unix_ns, span.end_unix_ns)) / 1e9;
}

double health_ratio(std::uint64_t received, std::uint64_t dropped) {
  if (dropped == 0) return 1;
  return dropped >= received ? 0 : 1 - static_cast<double>(dropped) / static_cast<double>(received);
}

bool is_rpc(const Span& span) { return span.attributes.find("rpc.system.name") != nullptr; }

std::span<const std::string_view> labels_of(bool client, bool rpc) {
  if (rpc) return client ? rpc_client_labels : rpc_server_labels;
  return client ? client_labels : server_labels;
}

// The label values of a span; false: it is neither HTTP nor a remote procedure call.
bool make_key(const Span& span, std::span<const std::string_view> labels, std::string& key) {
  const std::size_t count = labels.size();
  std::array<const AttributeValue*, most_labels> values{};
  for (const auto& [name, value] : span.attributes)
    for (std::size_t i = 0; i < count; i++)
      if (name == labels[i]) {
        values[i] = &value;
        break;
      }
  if (values[0] == nullptr) return false;
  key.clear();
  append_text(key, service_of(span));
  key += '\0';
  append_value(key, span.resource ? span.resource->attributes.find("service.namespace") : nullptr);
  for (std::size_t i = 0; i < count; i++) append_value(key, values[i]);
  return true;
}

}  // namespace

RedMetrics::RedMetrics(RedOptions options)
    : options_(options),
      server_("http_server_request_duration_seconds", "Duration of HTTP server requests.", label_names(server_labels),
              resource_labels, options.max_series),
      client_("http_client_request_duration_seconds", "Duration of HTTP client requests.", label_names(client_labels),
              resource_labels, options.max_series),
      rpc_server_("rpc_server_call_duration_seconds", "Duration of incoming remote procedure calls.",
                  label_names(rpc_server_labels), resource_labels, options.max_series),
      rpc_client_("rpc_client_call_duration_seconds", "Duration of outgoing remote procedure calls.",
                  label_names(rpc_client_labels), resource_labels, options.max_series),
      messaging_client_("messaging_client_operation_duration_seconds", "Duration of sending messages.",
                        label_names(sent_labels), resource_labels, options.max_series),
      messaging_process_("messaging_process_duration_seconds", "Duration of processing messages.",
                         label_names(processed_labels), resource_labels, options.max_series),
      messaging_lag_("weft_messaging_lag_seconds", "Age of messages, by their timestamp, when they are received.",
                     label_names(received_labels), resource_labels, options.max_series) {}

HistogramTable& RedMetrics::table(bool client, bool rpc) {
  if (rpc) return client ? rpc_client_ : rpc_server_;
  return client ? client_ : server_;
}

void RedMetrics::observe_message(const Span& span) {
  if (span.kind == SpanKind::producer) {
    if (span.attributes.text("messaging.operation.type") == "create") return;  // its sending counts
    if (make_key(span, sent_labels, key_)) messaging_client_.observe(key_, seconds_of(span));
    return;
  }
  if (span.attributes.find("weft.messaging.queued_ms") && make_key(span, processed_labels, key_))
    messaging_process_.observe(key_, seconds_of(span));
  const AttributeValue* lag = span.attributes.find("weft.messaging.lag_ms");
  const auto* lag_ms = lag ? std::get_if<std::int64_t>(lag) : nullptr;
  if (lag_ms && make_key(span, received_labels, key_)) messaging_lag_.observe(key_, static_cast<double>(*lag_ms) / 1e3);
}

void RedMetrics::observe_call(const Span& span) {
  if (span.kind == SpanKind::producer || span.kind == SpanKind::consumer) return observe_message(span);
  const bool client = span.kind == SpanKind::client;
  if (!client && span.kind != SpanKind::server) return;
  const bool rpc = is_rpc(span);
  if (make_key(span, labels_of(client, rpc), key_)) table(client, rpc).observe(key_, seconds_of(span));
}

void RedMetrics::count_entry(Health& health, bool sampled) {
  health.received++;
  health.unsampled += !sampled;
}

void RedMetrics::observe(const Span& span) {
  const std::lock_guard lock(mutex_);
  observe_call(span);
  if (!is_entry(span)) return;
  count_entry(health_of(service_of(span)), span.flags & 1);
  if (!span.baggage.empty()) count_baggage(span);
}

RedMetrics::Request RedMetrics::request_of(const Span& span) {
  const std::lock_guard lock(mutex_);
  Request request{.entry = is_entry(span)};
  if (request.entry) request.health = &health_of(service_of(span));
  const bool client = span.kind == SpanKind::client, rpc = is_rpc(span);
  if (!client && span.kind != SpanKind::server) return request;
  if (!make_key(span, labels_of(client, rpc), key_)) return request;
  request.table = &table(client, rpc);
  request.series = &request.table->series_of(key_);
  return request;
}

void RedMetrics::observe(Request& request, const Span& span) {
  const std::lock_guard lock(mutex_);
  if (request.table) request.table->observe(*request.series, seconds_of(span));
  if (!is_entry(span)) return;
  if (!request.health) request.health = &health_of(service_of(span));
  count_entry(*request.health, span.flags & 1);
  if (!span.baggage.empty()) count_baggage(span);
}

void RedMetrics::observe_unsampled(const Request& request, std::uint64_t duration_ns) {
  const std::lock_guard lock(mutex_);
  if (request.table) request.table->observe(*request.series, static_cast<double>(duration_ns) / 1e9);
  if (request.entry) count_entry(*request.health, false);
}

RedMetrics::Health& RedMetrics::health_of(std::string_view service) {
  if (const auto known = health_.find(service); known != health_.end()) return known->second;
  if (health_.size() >= options_.max_services) service = other;
  return health_[std::string(service)];
}

void RedMetrics::count_baggage(const Span& span) {
  for (const auto& [key, value] : span.baggage) {
    auto known = baggage_keys_.find(key);
    if (known == baggage_keys_.end()) {
      known =
          baggage_keys_.try_emplace(baggage_keys_.size() < options_.max_baggage_keys ? key : std::string(other)).first;
      known->second.by_value = counts_values(known->first);
    }
    KeyCounts& counts = known->second;
    if (!counts.by_value) {
      counts.without++;
    } else if (const auto seen = counts.values.find(value); seen != counts.values.end()) {
      seen->second++;
    } else {
      const bool room = counts.values.size() < options_.max_baggage_values && value.size() <= kMostValueBytes;
      counts.values[room ? value : std::string(other)]++;
    }
  }
}

bool RedMetrics::counts_values(const std::string& key) const { return by_value_ && key != other && by_value_(key); }

void RedMetrics::set_baggage_values(std::function<bool(std::string_view)> wanted) {
  const std::lock_guard lock(mutex_);
  by_value_ = std::move(wanted);
  for (auto& [key, counts] : baggage_keys_) {
    counts.by_value = counts_values(key);
    if (counts.by_value) continue;  // else what was shown is not to stay
    for (const auto& [value, count] : counts.values) counts.without += count;
    counts.values.clear();
  }
}

void RedMetrics::dropped(const Span& span, std::string_view reason) {
  if (is_entry(span)) dropped(service_of(span), reason, 1);
}

void RedMetrics::dropped(std::string_view service, std::string_view reason, std::uint64_t traces) {
  const std::lock_guard lock(mutex_);
  auto& reasons = health_of(service).dropped;
  if (const auto known = reasons.find(reason); known != reasons.end())
    known->second += traces;
  else
    reasons.emplace(reason, traces);
}

std::vector<prometheus::MetricFamily> RedMetrics::Collect() const {
  std::unique_lock lock(mutex_);
  const auto server = server_.snapshot();
  const auto client = client_.snapshot();
  const auto rpc_server = rpc_server_.snapshot();
  const auto rpc_client = rpc_client_.snapshot();
  const auto sent = messaging_client_.snapshot();
  const auto processed = messaging_process_.snapshot();
  const auto lag = messaging_lag_.snapshot();
  const auto health = health_;
  const auto keys = baggage_keys_;
  lock.unlock();

  auto received = counter_family("otel_traces_received_total", "Traces that entered a service.");
  auto dropped = counter_family("otel_traces_dropped_total", "Traces of a service that were lost, by reason.");
  auto decisions =
      counter_family("weft_sampling_decisions_total", "Requests that entered a service, by head decision.");
  auto ratio = gauge_family("otel_traces_health_ratio", "Share of a service's traces that were not lost.");
  for (const auto& [service, numbers] : health) {
    std::uint64_t lost = 0;
    for (const auto& [reason, count] : numbers.dropped) {
      lost += count;
      add_counter(dropped, {{"service", service}, {"reason", reason}}, static_cast<double>(count));
    }
    add_counter(received, {{"service", service}}, static_cast<double>(numbers.received));
    add_counter(decisions, {{"service", service}, {"decision", "sampled"}},
                static_cast<double>(numbers.received - numbers.unsampled));
    add_counter(decisions, {{"service", service}, {"decision", "unsampled"}}, static_cast<double>(numbers.unsampled));
    add_gauge(ratio, {{"service", service}}, health_ratio(numbers.received, lost));
  }
  auto baggage = counter_family("baggage_key_distribution_count", "Requests that carried a baggage key.");
  for (const auto& [key, counts] : keys) {
    if (counts.without) add_counter(baggage, {{"key", key}}, static_cast<double>(counts.without));
    for (const auto& [value, count] : counts.values)
      add_counter(baggage, {{"key", key}, {"value", value}}, static_cast<double>(count));
  }
  auto overflow = counter_family("weft_metric_series_overflow_total", "Requests counted as ~other for want of series.");
  add_counter(overflow, {{"metric", server_.name()}}, static_cast<double>(server.overflowed));
  add_counter(overflow, {{"metric", client_.name()}}, static_cast<double>(client.overflowed));
  add_counter(overflow, {{"metric", rpc_server_.name()}}, static_cast<double>(rpc_server.overflowed));
  add_counter(overflow, {{"metric", rpc_client_.name()}}, static_cast<double>(rpc_client.overflowed));
  add_counter(overflow, {{"metric", messaging_client_.name()}}, static_cast<double>(sent.overflowed));
  add_counter(overflow, {{"metric", messaging_process_.name()}}, static_cast<double>(processed.overflowed));
  add_counter(overflow, {{"metric", messaging_lag_.name()}}, static_cast<double>(lag.overflowed));
  return {server_.family(server),
          client_.family(client),
          rpc_server_.family(rpc_server),
          rpc_client_.family(rpc_client),
          messaging_client_.family(sent),
          messaging_process_.family(processed),
          messaging_lag_.family(lag),
          received,
          dropped,
          decisions,
          ratio,
          baggage,
          overflow};
}

}  // namespace weft
