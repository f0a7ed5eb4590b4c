// SPDX-License-Identifier: Apache-2.0
#include "decode/http2/exchanges.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "decode/http_head.h"
#include "decode/record.h"
#include "decode/text.h"
#include "span/span.h"

namespace weft {
namespace {

using Record = std::span<const std::byte>;

// What an HTTP/1.1 head could not say without meaning something else (RFC 9113 section 8.2.1).
bool is_clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

bool is_word(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= ' '; });
}

void append_line(std::string& head, std::string_view name, std::string_view value, std::size_t most) {
  if (head.size() + name.size() + value.size() + 4 > most) return;
  head.append(name).append(": ").append(value).append("\r\n");
}

// One traceparent of a request whose value the kernel could not read.
std::optional<std::string_view> only_traceparent(std::string_view head) {
  std::optional<std::string_view> found;
  HeaderLines lines = parse_request_head(head).headers;
  for (HeaderLine line; lines.next(line);) {
    if (!equals_lower(line.name, "traceparent")) continue;
    if (found) return std::nullopt;
    found = line.value;
  }
  return found;
}

// The kernel saw that there is a context and could not read it: nobody has been given the ids it made up instead.
void read_context(std::string_view head, request_event& event) {
  constexpr __u32 unread = REQUEST_HAS_CONTEXT | REQUEST_INVALID_CONTEXT;
  if (event.role != ROLE_SERVER || (event.facts & unread) != unread || event.attribution != ATTRIBUTION_ROOT) return;
  const auto value = only_traceparent(head);
  if (!value || value->size() != 55 || !value->starts_with("00-") || (*value)[35] != '-' || (*value)[52] != '-') return;
  const auto trace_id = TraceId::parse(value->substr(3, 32));
  const auto parent = SpanId::parse(value->substr(36, 16));
  unsigned flags = 0;
  const auto end = std::from_chars(value->data() + 53, value->data() + 55, flags, 16);
  if (!trace_id || !parent || !trace_id->valid() || !parent->valid() || end.ptr != value->data() + 55) return;
  std::memcpy(event.ids.trace_id, trace_id->bytes.data(), 16);
  std::memcpy(event.ids.parent_span_id, parent->bytes.data(), 8);
  event.trace_flags = static_cast<__u8>(flags & 3);
  event.attribution = ATTRIBUTION_INCOMING;
  event.facts &= ~static_cast<__u32>(REQUEST_INVALID_CONTEXT | REQUEST_SAMPLED | REQUEST_DECIDED | REQUEST_THRESHOLD);
  event.threshold = 0;
  if (flags & 1) event.facts |= REQUEST_SAMPLED;
}

// `behind`: what stands behind the text.
template <class T>
void put(std::vector<std::byte>& record, T fields, const std::string& text, Record behind) {
  fields.text_bytes = static_cast<__u32>(text.size());
  fields.header.size = static_cast<__u32>(sizeof(fields) + text.size() + behind.size());
  record.resize(fields.header.size);
  std::memcpy(record.data(), &fields, sizeof(fields));
  std::memcpy(record.data() + sizeof(fields), text.data(), text.size());
  if (!behind.empty()) std::memcpy(record.data() + sizeof(fields) + text.size(), behind.data(), behind.size());
}

}  // namespace

Http2Exchanges::Http2Exchanges(Output output, Http2Options options)
    : output_(std::move(output)), options_(options), limits_(options.limits) {}

void Http2Exchanges::forget(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  bytes_ -= found->second.bytes;
  order_.erase(found->second.used);
  connections_.erase(found);
}

// What it holds now, once it has changed.
void Http2Exchanges::account(Connection& connection) {
  std::size_t bytes = sizeof(Connection);
  for (const Direction& direction : connection.directions) bytes += direction.decoder.table_bytes();
  bytes += connection.stream_bytes;
  bytes_ -= connection.bytes;
  connection.bytes = bytes;
  bytes_ += bytes;
}

void Http2Exchanges::make_room(std::uint64_t keep) {
  while (!order_.empty() && order_.back() != keep &&
         (bytes_ > limits_.total_bytes || connections_.size() > limits_.connections)) {
    counters_.evicted++;
    forget(order_.back());
  }
}

Http2Exchanges::Connection& Http2Exchanges::connection(std::uint64_t id) {
  const auto [found, fresh] = connections_.try_emplace(id);
  Connection& connection = found->second;
  if (fresh) {
    connection.used = order_.insert(order_.begin(), id);
    account(connection);
    make_room(id);
  } else {
    order_.splice(order_.begin(), order_, connection.used);
  }
  return connection;
}

// False: seen before.
bool Http2Exchanges::in_order(Direction& direction, const block_event& event) {
  if (direction.life != event.life) {  // numbers begin anew, and what was sent between the two nobody has seen
    direction.life = event.life;
    direction.sequence = 0;
    direction.decoder.forget();
  }
  if (direction.sequence == event.sequence) return false;
  if (event.sequence != direction.sequence + 1 || (direction.sequence == 0 && (event.facts & BLOCK_LATE))) {
    if (direction.sequence) counters_.missed++;
    direction.decoder.forget();
  }
  direction.sequence = event.sequence;
  return true;
}

void Http2Exchanges::take_request(Stream& stream) {
  std::string_view method, path, authority;
  std::string lines;
  bool has_host = false;
  for (std::size_t i = 0; i < fields_.size(); i++) {
    const HpackField field = fields_[i];
    if (!field.name_known || !field.value_known || !is_clean(field.name) || !is_clean(field.value)) continue;
    if (field.name == ":method" && is_word(field.value)) method = field.value;
    if (field.name == ":path" && is_word(field.value)) path = field.value;
    if (field.name == ":authority") authority = field.value;
    if (field.name.empty() || field.name[0] == ':') continue;
    has_host |= field.name == "host";
    append_line(lines, field.name, field.value, limits_.text_bytes);
  }
  std::string& head = stream.request;
  head.assign(method.substr(0, 64)).append(" ").append(path.substr(0, limits_.text_bytes)).append(" HTTP/2.0\r\n");
  if (!authority.empty() && !has_host) append_line(head, "host", authority, limits_.text_bytes);
  if (head.size() + lines.size() <= 2 * limits_.text_bytes) head.append(lines);
  stream.has_request = true;
  stream.unknown = fields_.unknown();
}

void Http2Exchanges::take_response(Stream& stream) {
  const bool first = stream.status == 0;
  unsigned status = 0;
  std::string lines;
  for (std::size_t i = 0; i < fields_.size(); i++) {
    const HpackField field = fields_[i];
    if (!field.name_known || !field.value_known || !is_clean(field.name) || !is_clean(field.value)) continue;
    if (field.name == ":status") std::from_chars(field.value.data(), field.value.data() + field.value.size(), status);
    if (field.name.empty() || field.name[0] == ':') continue;
    append_line(lines, field.name, field.value, limits_.text_bytes);
  }
  if (first) {
    if (status < 200 || status > 999) return;  // an interim response, or not known
    stream.status = static_cast<std::uint16_t>(status);
    stream.response.assign("HTTP/2.0 ").append(std::to_string(status)).append("\r\n");
  }
  if (stream.response.size() + lines.size() <= 2 * limits_.text_bytes) stream.response.append(lines);
}

void Http2Exchanges::block(Record record) {
  const auto event = read_front<block_event>(record);
  if (!event || event->text_bytes > record.size() - sizeof(block_event)) return;
  if (event->facts & BLOCK_CLOSED) return forget(event->connection_id);
  Connection& connection = this->connection(event->connection_id);
  const bool response = event->facts & BLOCK_RESPONSE;
  Direction& direction = connection.directions[response];
  if (!in_order(direction, *event)) return;
  counters_.blocks++;
  const auto* text = reinterpret_cast<const std::uint8_t*>(record.data()) + sizeof(block_event);
  const bool whole = direction.decoder.decode({text, event->text_bytes}, fields_) && !(event->facts & BLOCK_CUT);
  if (!whole) {
    counters_.bad_blocks++;
    direction.decoder.forget();
  } else {
    counters_.unknown_fields += fields_.unknown();
  }
  if (!(event->facts & BLOCK_PUSH)) {
    Stream& stream = connection.streams[event->stream];
    connection.stream_bytes -= stream.counted;
    if (response)
      take_response(stream);
    else if (!stream.has_request)
      take_request(stream);
    connection.stream_bytes += stream.counted = stream.bytes();
    while (connection.streams.size() > limits_.streams) {
      counters_.evicted++;
      connection.stream_bytes -= connection.streams.begin()->second.counted;
      connection.streams.erase(connection.streams.begin());
    }
  }
  account(connection);
  make_room(event->connection_id);
}

void Http2Exchanges::request(Record record, request_event event) {
  const auto found = connections_.find(event.connection_id);
  if (found == connections_.end()) return output_(record);
  const auto stream = found->second.streams.find(event.stream);
  if (stream == found->second.streams.end() || !stream->second.has_request) return output_(record);
  const Record text = record.subspan(sizeof(request_event));
  if (event.text_bytes > text.size() || event.baggage_bytes > text.size() - event.text_bytes) return output_(record);
  event.head_bytes = static_cast<__u32>(stream->second.request.size());
  if (stream->second.unknown) event.facts |= REQUEST_UNKNOWN;
  if (options_.trust_incoming) read_context(stream->second.request, event);
  put(record_, event, stream->second.request, text.subspan(event.text_bytes, event.baggage_bytes));
  output_(record_);
}

void Http2Exchanges::response(Record record, response_event event) {
  const auto found = connections_.find(event.connection_id);
  if (found == connections_.end()) return output_(record);
  const auto stream = found->second.streams.find(event.stream);
  if (stream == found->second.streams.end()) return output_(record);
  event.status = stream->second.status;
  event.head_bytes = static_cast<__u32>(stream->second.response.size());
  put(record_, event, stream->second.response, {});
  found->second.stream_bytes -= stream->second.counted;
  found->second.streams.erase(stream);
  account(found->second);
  output_(record_);
}

void Http2Exchanges::feed(Record record) {
  const auto header = read_front<event_header>(record);
  if (!header || header->size > record.size()) return output_(record);
  const Record whole = record.first(header->size);
  if (header->type == EVENT_BLOCK) return block(whole);
  if (header->type == EVENT_REQUEST) {
    if (const auto event = read_front<request_event>(whole); event && event->stream) return request(whole, *event);
  }
  if (header->type == EVENT_RESPONSE) {
    if (const auto event = read_front<response_event>(whole); event && event->stream) return response(whole, *event);
  }
  output_(record);
}

}  // namespace weft
