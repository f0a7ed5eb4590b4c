// SPDX-License-Identifier: Apache-2.0
#include "assemble/carried_context.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "wire/formats.h"

namespace weft {

std::optional<SpanLink> carried_context(std::string_view head) {
  const auto text = std::make_unique<head_text>();
  const auto bytes = static_cast<__u32>(std::min<std::size_t>(head.size(), HEAD_TEXT_CAP));
  std::memcpy(text->bytes, head.data(), bytes);
  carriers found{};
  hex_fields fields{};
  carriers_scan(text.get(), bytes, &found);
  for (__u32 format = 0; format < FORMAT_IDS; format++) {
    traceparent ids{};
    if (context_read(text.get(), &found, format, &fields, &ids) != CONTEXT_OK) continue;
    SpanLink link;
    std::memcpy(link.trace_id.bytes.data(), ids.trace_id, sizeof ids.trace_id);
    std::memcpy(link.span_id.bytes.data(), ids.parent_id, sizeof ids.parent_id);
    if (link.span_id.valid()) return link;
    return std::nullopt;
  }
  return std::nullopt;
}

bool is_opaque_trace_id(std::string_view value) {
  if (value.size() < XTRACEID_OPAQUE_MIN || value.size() > XTRACEID_OPAQUE_MAX) return false;
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
  if (value.size() == 32 && std::ranges::all_of(value, hex)) return false;
  return std::ranges::all_of(value, [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace weft
