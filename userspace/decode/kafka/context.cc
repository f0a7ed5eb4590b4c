// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/context.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>

#include "decode/text.h"
#include "wire/formats.h"

namespace weft::kafka {
namespace {

constexpr std::string_view first_line = "PROCESS message KAFKA\r\n";  // of the head that the formats are read from
constexpr std::string_view single_member = "baggage-";                // of a header's name: one member of baggage
constexpr std::size_t most_value_bytes = 8192;

constexpr std::string_view context_names[] = {"traceparent",   "tracestate",        "b3",           "x-b3-traceid",
                                              "x-b3-spanid",   "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags",
                                              "uber-trace-id", "x-trace-id",        "x-parent-id",  "baggage"};

// Does a header count as the one of this name? Names have case, but not every producer writes them as they should be:
// where none has the name itself, any case will do.
class Names {
 public:
  explicit Names(const std::vector<RecordHeader>& headers) {
    for (const RecordHeader& header : headers)
      if (const std::size_t at = find(header.key, std::equal_to()); at < exact_.size()) exact_[at] = true;
  }
  // The name; empty: it is none of them.
  std::string_view of(std::string_view key) const {
    const std::size_t at = find(key, equals_lower);
    return at < exact_.size() && (!exact_[at] || key == context_names[at]) ? context_names[at] : std::string_view();
  }

 private:
  static std::size_t find(std::string_view key, const auto& same) {
    const auto* found = std::ranges::find_if(context_names, [&](auto name) { return same(key, name); });
    return static_cast<std::size_t>(found - std::begin(context_names));
  }
  std::array<bool, std::size(context_names)> exact_{};
};

bool is_text(std::string_view value) {
  return value.size() <= most_value_bytes && std::ranges::none_of(value, [](char c) {
           return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f;
         });
}

bool is_token(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_token_char); }

void put_line(std::string& lines, std::string_view name, std::string_view value) {
  if (first_line.size() + lines.size() + name.size() + value.size() + 4 > HEAD_TEXT_CAP) return;
  lines.append(name).append(": ").append(value).append("\r\n");
}

bool has_member(std::string_view baggage, std::string_view key) {
  while (!baggage.empty()) {
    std::string_view member = take_until(baggage, ',');
    if (trim(take_until(member, '=')) == key) return true;
  }
  return false;
}

// W3C Baggage, section 3.2.1.3: what may not stand in a value as it is.
void put_member(std::string& baggage, std::string_view key, std::string_view value) {
  if (!is_token(key) || value.size() > most_value_bytes || has_member(baggage, key)) return;
  if (!baggage.empty()) baggage.push_back(',');
  baggage.append(key).push_back('=');
  for (const char c : value) {
    const bool plain = c > ' ' && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\' && c != '%';
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    if (plain)
      baggage.push_back(c);
    else
      baggage.append({'%', digits[byte >> 4], digits[byte & 15]});
  }
}

// One line of baggage: what is a list already, then single members, which it wins over.
std::string baggage_of(const std::vector<RecordHeader>& headers, const Names& names, const ContextOptions& options) {
  std::string baggage;
  for (const RecordHeader& header : headers)
    if (header.value && names.of(header.key) == "baggage" && is_text(*header.value))
      baggage.append(baggage.empty() ? "" : ",").append(*header.value);
  for (const RecordHeader& header : headers) {
    if (!header.value) continue;
    if (header.key.size() > single_member.size() && equals_lower(header.key.substr(0, 8), single_member))
      put_member(baggage, header.key.substr(8), *header.value);
    else if (std::ranges::find(options.baggage_headers, header.key) != options.baggage_headers.end())
      put_member(baggage, header.key, *header.value);
  }
  return baggage;
}

void read_ids(const ContextOptions& options, RecordContext& context) {
  const auto text = std::make_unique<head_text>();
  const std::size_t bytes = first_line.size() + context.lines.size();
  std::memcpy(text->bytes, first_line.data(), first_line.size());
  std::memcpy(text->bytes + first_line.size(), context.lines.data(), context.lines.size());
  carriers found{};
  hex_fields fields{};
  carriers_scan(text.get(), static_cast<__u32>(bytes), &found);
  for (const __u32 format : options.formats) {
    traceparent ids{};
    const int result = context_read(text.get(), &found, format, &fields, &ids);
    if (result == CONTEXT_ABSENT) continue;
    if (result != CONTEXT_OK) {
      context.invalid |= result == CONTEXT_MALFORMED;
      if (result == CONTEXT_SAMPLING_ONLY && !context.decided) {
        context.decided = true;
        context.flags = ids.flags & 1;
      }
      continue;
    }
    SpanLink link;
    std::memcpy(link.trace_id.bytes.data(), ids.trace_id, sizeof ids.trace_id);
    std::memcpy(link.span_id.bytes.data(), ids.parent_id, sizeof ids.parent_id);
    context.producer = link;
    context.decided = !ids.undecided;
    context.flags = ids.flags & 3;
    context.invalid = false;
    return;
  }
}

}  // namespace

RecordContext read_context(const std::vector<RecordHeader>& headers, const ContextOptions& options) {
  RecordContext context;
  const Names names(headers);
  bool has_trace_id = false;
  for (const RecordHeader& header : headers) {
    if (!header.value || !is_text(*header.value)) continue;
    const std::string_view name = names.of(header.key);
    if (name.empty() || name == "baggage") continue;
    has_trace_id |= name == "x-trace-id";
    put_line(context.lines, name, *header.value);
  }
  if (!options.trace_id_header.empty() && !has_trace_id)
    for (const RecordHeader& header : headers)
      if (header.key == options.trace_id_header && header.value && is_text(*header.value))
        put_line(context.lines, "x-trace-id", *header.value);
  if (!context.lines.empty()) read_ids(options, context);
  if (options.baggage)
    if (const std::string baggage = baggage_of(headers, names, options); !baggage.empty())
      put_line(context.lines, "baggage", baggage);
  return context;
}

}  // namespace weft::kafka
