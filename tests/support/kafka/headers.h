// SPDX-License-Identifier: Apache-2.0
// Headers of a record as the kernel reads them, beside a reader that shares nothing with it and what the agent makes of
// the same: both have to come to the same lines.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "decode/kafka/context.h"
#include "wire/kafka_headers.h"

namespace weft::test::kafka {

// The head; nullopt: they are no headers, or too much text.
inline std::optional<std::string> head_of(std::string_view raw, const std::string& trace_name = {}) {
  const auto from = std::make_unique<head_text>(), to = std::make_unique<head_text>();
  kafka_headers work{};
  if (raw.size() > KAFKA_HEADERS_BYTES) return std::nullopt;
  std::memset(from->bytes, 0xa5, sizeof from->bytes);
  std::memcpy(from->bytes, raw.data(), raw.size());
  std::memcpy(work.trace_name, trace_name.data(), trace_name.size());
  work.trace_name_bytes = static_cast<__u32>(trace_name.size());
  const __u32 bytes = kafka_headers_head(from.get(), to.get(), &work, static_cast<__u32>(raw.size()));
  if (bytes == 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(to->bytes), bytes);
}

struct PlainHeaders {
  std::vector<std::pair<std::string, std::optional<std::string>>> all;
  bool good = false;
};

inline PlainHeaders plain_headers(std::string_view raw) {
  PlainHeaders result;
  const auto number = [&raw]() -> std::optional<std::int64_t> {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      if (raw.empty()) return std::nullopt;
      const auto byte = static_cast<unsigned char>(raw.front());
      raw.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 127) << shift;
      if (byte < 128)
        return value > UINT32_MAX ? std::nullopt
                                  : std::optional<std::int64_t>((value & 1) ? -static_cast<std::int64_t>(value / 2) - 1
                                                                            : static_cast<std::int64_t>(value / 2));
    }
    return std::nullopt;
  };
  const auto text = [&](bool nullable, std::optional<std::string>& out) {
    const auto bytes = number();
    if (!bytes || *bytes < (nullable ? -1 : 0) || *bytes > static_cast<std::int64_t>(raw.size())) return false;
    if (*bytes >= 0) out = raw.substr(0, static_cast<std::size_t>(*bytes));
    if (*bytes > 0) raw.remove_prefix(static_cast<std::size_t>(*bytes));
    return true;
  };
  if (raw.empty()) return {{}, true};
  const auto count = number();
  if (!count || *count < 0) return result;
  for (std::int64_t i = 0; i < *count; i++) {
    std::optional<std::string> name, value;
    if (!text(false, name) || !text(true, value)) return result;
    result.all.emplace_back(*name, value);
  }
  result.good = raw.empty();
  return result;
}

inline std::string without_baggage(std::string_view lines) {
  std::string rest;
  while (!lines.empty()) {
    const std::size_t end = lines.find("\r\n") + 2;
    if (!lines.starts_with("baggage: ")) rest.append(lines.substr(0, end));
    lines.remove_prefix(end);
  }
  return rest;
}

// Empty, or what is wrong.
inline std::string disagreement(std::string_view raw, const std::string& trace_name = {}) {
  const auto head = head_of(raw, trace_name);
  const PlainHeaders plain = plain_headers(raw);
  if (raw.size() > KAFKA_HEADERS_BYTES) return head ? "too long, and read" : "";
  if (!plain.good) return head ? "no headers, and read" : "";
  std::vector<weft::kafka::RecordHeader> headers;
  for (const auto& [name, value] : plain.all)
    if (headers.size() < KAFKA_HEADERS_READ)
      headers.push_back({name, value ? std::optional<std::string_view>(*value) : std::nullopt});
  weft::kafka::ContextOptions options;
  options.baggage = false;
  options.trace_id_header = trace_name;
  const std::string lines = weft::kafka::read_context(headers, options).lines;
  if (!head) return lines.size() > KAFKA_HEADERS_LINES_MOST / 2 ? "" : "headers, and not read";
  constexpr std::string_view first = "PROCESS * HTTP/1.1\r\n";
  if (!head->starts_with(first) || !head->ends_with("\r\n")) return "no head";
  if (without_baggage(std::string_view(*head).substr(first.size(), head->size() - first.size() - 2)) != lines)
    return "other lines: " + *head + " and " + lines;
  return "";
}

}  // namespace weft::test::kafka
