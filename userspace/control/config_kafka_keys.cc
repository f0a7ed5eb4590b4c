// SPDX-License-Identifier: Apache-2.0
// kafka.*: what is read of messages.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "control/config_keys.h"
#include "control/config_values.h"

namespace weft::config {
namespace {

constexpr std::size_t kMostName = 249;  // of a topic, as the broker has it; of a record header's name

std::string parse_name(const std::string& text, const char* what) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  if (text.empty() || text.size() > kMostName || !plain)
    throw BadValue{fmt::format("'{}' is no {} (1 to {} visible ASCII characters)", text, what, kMostName)};
  return text;
}

// Its name becomes a key of baggage: a token (W3C Baggage, section 3.2.1.2).
std::string parse_baggage_header(const std::string& text) {
  const auto in_token = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  if (!std::ranges::all_of(parse_name(text, "header name"), in_token))
    throw BadValue{fmt::format("'{}' cannot be a key of baggage", text)};
  return text;
}

void add_once(std::vector<std::string>& values, std::string value) {
  if (std::ranges::find(values, value) != values.end()) throw BadValue{fmt::format("'{}' is listed twice", value)};
  values.push_back(std::move(value));
}

}  // namespace

KeyTable<Config> kafka_keys() {
  KeyTable<Config> keys(8);
  keys[0] = {.path = "kafka.topics",
             .clear = [](Config& c) { c.kafka.topics.clear(); },
             .add = [](Config& c, const std::string& v) { add_once(c.kafka.topics, parse_name(v, "topic")); }};
  keys[1] = {.path = "kafka.trace_id_header", .set = [](Config& c, const std::string& v) {
               c.kafka.trace_id_header = v.empty() ? v : parse_name(v, "header name");
             }};
  keys[2] = {
      .path = "kafka.baggage_headers",
      .clear = [](Config& c) { c.kafka.baggage_headers.clear(); },
      .add = [](Config& c, const std::string& v) { add_once(c.kafka.baggage_headers, parse_baggage_header(v)); }};
  keys[3] = {.path = "kafka.span_per", .set = [](Config& c, const std::string& v) {
               c.kafka.span_per_batch = choose<bool>(v, {{"record", false}, {"batch", true}});
             }};
  keys[4] = {.path = "kafka.record_limit", .set = [](Config& c, const std::string& v) {
               c.kafka.record_limit = static_cast<std::size_t>(parse_integer(v, 1, 100'000));
             }};
  keys[5] = {.path = "kafka.follow_consumers",
             .set = [](Config& c, const std::string& v) { c.kafka.follow_consumers = parse_bool(v); }};
  keys[6] = {.path = "kafka.per_key_headers",
             .set = [](Config& c, const std::string& v) { c.propagation.kafka_per_key_headers = parse_bool(v); }};
  keys[7] = {.path = "kafka.message_max_bytes", .set = [](Config& c, const std::string& v) {
               c.kafka.message_max_bytes = static_cast<std::uint32_t>(parse_size(v, 1024, 1u << 30));
             }};
  return keys;
}

}  // namespace weft::config
