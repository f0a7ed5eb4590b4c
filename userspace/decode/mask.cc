// SPDX-License-Identifier: Apache-2.0
#include "decode/mask.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "decode/events.h"
#include "decode/http_head.h"
#include "decode/kafka/produce_text.h"
#include "decode/text.h"
#include "decode/url.h"

namespace weft {
namespace {

constexpr std::size_t max_baggage_members = 64;  // W3C Baggage, limits
constexpr std::size_t max_method_bytes = 64;
constexpr std::size_t max_baggage_key_bytes = 256;

bool is_token(std::string_view text) { return std::all_of(text.begin(), text.end(), is_token_char); }

// What the span needs. Content-Type and the lengths say what kind of message it was, never what was in it.
MaskRules::Keep usual(std::string_view name) {
  using Keep = MaskRules::Keep;
  const auto is = [name](std::string_view lower) { return equals_lower(name, lower); };
  switch (name.size()) {
    case 2:
      return is("b3") ? Keep::own : Keep::name;
    case 4:
      return is("host") ? Keep::value : Keep::name;
    case 7:
      return is("baggage") ? Keep::baggage : Keep::name;  // capturing it would undo the masking
    case 10:
      if (is("user-agent")) return Keep::value;
      if (is("tracestate")) return Keep::tracestate;
      return is("x-trace-id") || is("x-b3-flags") ? Keep::own : Keep::name;
    case 11:
      if (is("grpc-status")) return Keep::value;
      return is("traceparent") || is("x-b3-spanid") || is("x-parent-id") ? Keep::own : Keep::name;
    case 12:
      if (is("content-type")) return Keep::value;
      return is("x-b3-traceid") || is("x-b3-sampled") || is("grpc-timeout") ? Keep::own : Keep::name;
    case 13:
      return is("uber-trace-id") ? Keep::own : Keep::name;
    case 14:
      return is("content-length") ? Keep::own : Keep::name;
    default:
      return Keep::name;
  }
}

// "k1=v1;p, k2=v2" -> "k1=,k2=". A member that is none, or whose key is no token, could be anything: it goes.
void append_masked_baggage(std::string_view value, const MaskRules& rules, std::string& out) {
  bool first = true;
  for (std::size_t members = 0; !value.empty() && members < max_baggage_members; members++) {
    std::string_view member = take_until(value, ',');
    if (member.find('=') == std::string_view::npos) continue;
    const std::string_view key = trim(take_until(member, '='));
    if (key.empty() || key.size() > max_baggage_key_bytes || !is_token(key)) continue;
    if (!std::exchange(first, false)) out.push_back(',');
    out.append(key).push_back('=');
    if (rules.keeps_baggage_value(key)) out.append(trim(take_until(member, ';')));
  }
}

void append_masked_value(std::string_view value, MaskRules::Keep keep, const MaskRules& rules, std::string& out) {
  switch (keep) {
    case MaskRules::Keep::name:
      out.append(value.empty() ? "" : "-");
      break;
    case MaskRules::Keep::tracestate:
    case MaskRules::Keep::own:
    case MaskRules::Keep::value:
      out.append(value);
      break;
    case MaskRules::Keep::baggage:
      append_masked_baggage(value, rules, out);
      break;
  }
}

bool append_masked_headers(std::string_view text, const MaskRules& rules, OtherHeaders others, std::string& out,
                           std::string& own) {
  bool has_context = false;
  while (!text.empty()) {
    bool complete = false;
    const std::string_view line = take_line(text, complete);
    if (!complete) break;  // cut inside a line: the value may be half of one
    if (line.empty()) {
      out.append("\r\n");
      break;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) continue;
    const std::string_view name = line.substr(0, colon);
    const MaskRules::Keep keep = rules.header(name);
    const std::string_view value = trim(line.substr(colon + 1));
    if (keep == MaskRules::Keep::baggage && !value.empty() && value.find_first_not_of('*') == value.npos) continue;
    if (keep == MaskRules::Keep::name && (others == OtherHeaders::dropped || !is_token(name))) continue;
    has_context |= keep == MaskRules::Keep::tracestate || keep == MaskRules::Keep::baggage;
    std::string& to = keep == MaskRules::Keep::name || keep == MaskRules::Keep::value ? out : own;
    to.append(name).append(": ");
    append_masked_value(value, keep, rules, to);
    to.append("\r\n");
  }
  return has_context;
}

template <class Fields>
void replace_text(std::vector<std::byte>& record, Fields fields, const std::string& text) {
  fields.text_bytes = static_cast<__u32>(text.size());
  fields.header.size = static_cast<__u32>(sizeof(fields) + text.size());
  record.resize(fields.header.size);
  std::memcpy(record.data(), &fields, sizeof(fields));
  std::memcpy(record.data() + sizeof(fields), text.data(), text.size());
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), ascii_lower);
  return text;
}

}  // namespace

MaskRules::MaskRules(std::vector<std::string> captured_headers, std::vector<std::string> baggage_values)
    : captured_(std::move(captured_headers)), baggage_values_(std::move(baggage_values)) {
  std::transform(captured_.begin(), captured_.end(), captured_.begin(), lower);
}

MaskRules::Keep MaskRules::header(std::string_view name) const {
  if (const Keep keep = usual(name); keep != Keep::name) return keep;
  for (const std::string& captured : captured_)
    if (equals_lower(name, captured)) return Keep::value;
  return Keep::name;
}

bool MaskRules::captures_own() const {
  return std::ranges::any_of(captured_, [](const std::string& name) {
    const Keep keep = usual(name);
    return keep != Keep::name && keep != Keep::value;
  });
}

bool MaskRules::keeps_baggage_value(std::string_view key) const {
  return std::find(baggage_values_.begin(), baggage_values_.end(), key) != baggage_values_.end() ||
         (shown_ && shown_(key));
}

bool mask_request_head(std::string_view text, std::string_view baggage, const MaskRules& rules, OtherHeaders others,
                       std::string& out, std::string& own) {
  if (text.empty()) return false;
  bool complete = false;
  const RequestHead head = parse_request_line(take_line(text, complete));
  const bool sane_method = head.method.size() <= max_method_bytes && is_token(head.method);
  out.append(sane_method ? head.method : "-").push_back(' ');
  append_masked_target(head.method, head.target, out);
  if (!head.version.empty()) out.append(" ").append(head.version);
  if (!complete) return false;
  out.append("\r\n");
  if (!baggage.empty()) {
    own.append("baggage: ");
    append_masked_baggage(baggage, rules, own);
    own.append("\r\n");
  }
  return append_masked_headers(text, rules, others, out, own) || !baggage.empty();
}

void mask_response_head(std::string_view text, const MaskRules& rules, OtherHeaders others, std::string& out) {
  if (text.empty()) return;
  bool complete = false;
  const ResponseHead head = parse_status_line(take_line(text, complete));
  out.append(head.version).append(" ").append(head.status).append("\r\n");  // the reason phrase is free text
  if (complete) append_masked_headers(text, rules, others, out, out);
}

void mask_context_lines(std::string_view lines, const MaskRules& rules, std::string& out) {
  append_masked_headers(lines, rules, OtherHeaders::dropped, out, out);
}

bool mask_request(const RequestEvent& event, const MaskRules& rules, OtherHeaders others, std::string& out,
                  std::string& own) {
  if (event.fields.protocol != PROTOCOL_KAFKA)
    return mask_request_head(event.head, event.baggage, rules, others, out, own);
  if (const auto produce = read_produce_text(event.head)) out.append(write_produce_text(*produce));
  return false;
}

bool mask_event(std::vector<std::byte>& record, const MaskRules& rules) {
  const auto event = decode_event(record);
  if (!event) {
    record.clear();
    return false;
  }
  std::string text;
  std::visit(
      [&](const auto& typed) {
        using T = std::decay_t<decltype(typed)>;
        if constexpr (std::is_same_v<T, RequestEvent>) {
          mask_request(typed, rules, OtherHeaders::name_stays, text, text);
          request_event fields = typed.fields;
          fields.baggage_bytes = 0;  // a header line now
          replace_text(record, fields, text);
        } else if constexpr (std::is_same_v<T, ResponseEvent>) {
          mask_response_head(typed.head, rules, OtherHeaders::name_stays, text);
          replace_text(record, typed.fields, text);
        } else if constexpr (std::is_same_v<T, UnsampledEvent>) {
          mask_request_head(typed.text, {}, rules, OtherHeaders::dropped, text, text);
          replace_text(record, typed.fields, text);
        } else if constexpr (std::is_same_v<T, MessageEvent>) {
          mask_context_lines(typed.context, rules, text);
          MessageEvent masked = typed;
          masked.context = text;
          std::vector<std::byte> out;  // the texts point into `record`
          write_message_event(masked, out);
          record = std::move(out);
        } else {
          record.resize(typed.fields.header.size);
        }
      },
      *event);
  return true;
}

}  // namespace weft
