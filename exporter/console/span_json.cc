// SPDX-License-Identifier: Apache-2.0
#include "exporter/console/span_json.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "exporter/text.h"

namespace weft {
namespace {

using Json = nlohmann::ordered_json;

void append_member(std::string& out, std::string_view key, std::string_view value) {
  append_json(out, key);
  out += ':';
  append_json(out, value);
}

void append_attributes(std::string& out, std::string_view key, const Attributes& attributes) {
  out += ',';
  append_json(out, key);
  out += ":{";
  bool first = true;
  for (const auto& [name, value] : attributes) {
    if (!first) out += ',';
    first = false;
    append_json(out, std::string_view(name));
    out += ':';
    append_json(out, value);
  }
  out += '}';
}

void append_links(std::string& out, const std::vector<SpanLink>& links) {
  out += ",\"links\":[";
  for (std::size_t i = 0; i < links.size(); i++) {
    out += i == 0 ? "{" : ",{";
    append_member(out, "trace_id", links[i].trace_id.hex());
    out += ',';
    append_member(out, "span_id", links[i].span_id.hex());
    out += '}';
  }
  out += ']';
}

// A key may stand twice in a baggage list but not in an object; the first one is shown.
void append_baggage(std::string& out, const std::vector<std::pair<std::string, std::string>>& baggage) {
  out += ",\"baggage\":{";
  for (std::size_t i = 0; i < baggage.size(); i++) {
    const auto earlier = baggage.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::any_of(baggage.begin(), earlier, [&](const auto& member) { return member.first == baggage[i].first; }))
      continue;
    if (i != 0) out += ',';
    append_member(out, baggage[i].first, baggage[i].second);
  }
  out += '}';
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

// Times may also be strings: 64-bit numbers do not survive every JSON tool.
bool read_time(const Json& object, const char* key, std::uint64_t& out) {
  const auto found = object.find(key);
  if (found == object.end()) return false;
  if (found->is_number_unsigned()) {
    out = found->get<std::uint64_t>();
    return true;
  }
  if (!found->is_string()) return false;
  const std::string text = found->get<std::string>();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

Attributes read_attributes(const Json& object, const char* key) {
  Attributes attributes;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) return attributes;
  for (const auto& [name, value] : found->items()) {
    if (value.is_string()) attributes.set(name, value.get<std::string>());
    if (value.is_boolean()) attributes.set(name, value.get<bool>());
    if (value.is_number_integer()) attributes.set(name, value.get<std::int64_t>());
    if (value.is_number_float()) attributes.set(name, value.get<double>());
  }
  return attributes;
}

std::vector<SpanLink> read_links(const Json& object) {
  std::vector<SpanLink> links;
  const auto found = object.find("links");
  if (found == object.end() || !found->is_array()) return links;
  for (const Json& link : *found) {
    if (!link.is_object()) continue;
    const auto trace_id = TraceId::parse(text_of(link, "trace_id"));
    const auto span_id = SpanId::parse(text_of(link, "span_id"));
    if (trace_id && span_id) links.push_back({*trace_id, *span_id});
  }
  return links;
}

void read_status(const Json& object, Span& span) {
  const auto found = object.find("status");
  if (found == object.end() || !found->is_object()) return;
  const std::string code = text_of(*found, "code");
  for (const StatusCode known : {StatusCode::ok, StatusCode::error})
    if (code == to_string(known)) span.status = known;
  span.status_message = text_of(*found, "message");
}

Result<void> read_identity(const Json& object, Span& span) {
  const auto trace_id = TraceId::parse(text_of(object, "trace_id"));
  const auto span_id = SpanId::parse(text_of(object, "span_id"));
  if (!trace_id || !trace_id->valid()) return fail("span without a valid trace_id");
  if (!span_id || !span_id->valid()) return fail("span without a valid span_id");
  const std::string parent = text_of(object, "parent_span_id");
  if (!parent.empty()) {
    const auto parent_id = SpanId::parse(parent);
    if (!parent_id) return fail("parent_span_id is not 16 hex digits");
    span.parent_span_id = *parent_id;
  }
  span.trace_id = *trace_id;
  span.span_id = *span_id;
  const auto kind = parse_span_kind(text_of(object, "kind"));
  if (!kind) return fail("span without a known kind");
  span.kind = *kind;
  if (!object.contains("name") || !object["name"].is_string()) return fail("span without a name");
  span.name = text_of(object, "name");
  if (!read_time(object, "start_unix_nano", span.start_unix_ns)) return fail("span without start_unix_nano");
  if (!read_time(object, "end_unix_nano", span.end_unix_ns)) return fail("span without end_unix_nano");
  return {};
}

}  // namespace

std::string span_json(const Span& span) {
  std::string out;
  out.reserve(1024);
  out += '{';
  append_member(out, "trace_id", span.trace_id.hex());
  out += ',';
  append_member(out, "span_id", span.span_id.hex());
  out += ',';
  append_member(out, "parent_span_id", span.parent_span_id.valid() ? span.parent_span_id.hex() : "");
  out += ',';
  append_member(out, "trace_state", span.trace_state);
  out += ",\"flags\":";
  append_json(out, static_cast<std::uint64_t>(span.flags));
  out += ',';
  append_member(out, "name", span.name);
  out += ',';
  append_member(out, "kind", to_string(span.kind));
  out += ",\"start_unix_nano\":";
  append_json(out, span.start_unix_ns);
  out += ",\"end_unix_nano\":";
  append_json(out, span.end_unix_ns);
  out += ",\"status\":{";
  append_member(out, "code", to_string(span.status));
  out += ',';
  append_member(out, "message", span.status_message);
  out += '}';
  append_attributes(out, "attributes", span.attributes);
  append_attributes(out, "resource", span.resource ? span.resource->attributes : Attributes{});
  append_links(out, span.links);
  append_baggage(out, span.baggage);
  out += '}';
  return out;
}

Result<Span> parse_span_json(std::string_view text) {
  const Json object = Json::parse(text, nullptr, false);
  if (!object.is_object()) return fail("not a JSON object");
  Span span;
  if (auto identity = read_identity(object, span); !identity) return std::unexpected(identity.error());
  span.trace_state = text_of(object, "trace_state");
  if (const auto flags = object.find("flags"); flags != object.end() && flags->is_number_unsigned())
    span.flags = static_cast<std::uint8_t>(flags->get<std::uint64_t>());
  read_status(object, span);
  span.attributes = read_attributes(object, "attributes");
  Resource resource{.service_name = {}, .attributes = read_attributes(object, "resource")};
  resource.service_name = resource.attributes.text("service.name");
  span.resource = std::make_shared<const Resource>(std::move(resource));
  span.links = read_links(object);
  const Attributes baggage = read_attributes(object, "baggage");
  for (const auto& [key, value] : baggage) span.baggage.emplace_back(key, to_text(value));
  return span;
}

}  // namespace weft
