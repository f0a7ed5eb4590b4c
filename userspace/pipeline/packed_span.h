// SPDX-License-Identifier: Apache-2.0
// Finished spans as bytes, for whoever keeps many: a quarter of the memory, in one piece. To write one touches memory
// in order, and to forget one touches nothing at all, where a span is twenty allocations that nobody has looked at for
// a while. The bytes never leave the process: names that are constants of the program are kept as their address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "span/span.h"

namespace weft {

// Without its resource.
void append_packed(const Span& span, std::vector<std::byte>& out);
// … and without the attributes that it has in common with others.
void append_packed_own(const Span& span, std::vector<std::byte>& out);
// What these add at most to a span that is packed with them.
std::size_t packed_bytes(const CommonAttributes& common);

// Of bytes that one of the two wrote, which outlive it.
class PackedSpanView {
 public:
  explicit PackedSpanView(const std::byte* data) : data_(data) {}
  std::size_t size() const;  // of the bytes
  TraceId trace_id() const;
  SpanKind kind() const;
  StatusCode status() const;
  SpanId parent_span_id() const;
  std::uint64_t start_unix_ns() const;
  std::uint64_t end_unix_ns() const;
  std::string_view name() const;
  // `common`: what was left out.
  Span unpacked(std::shared_ptr<const Resource> resource,
                std::shared_ptr<const CommonAttributes> common = nullptr) const;

 private:
  const std::byte* data_;
};

// One of them with what it needs.
class PackedSpan {
 public:
  explicit PackedSpan(const Span& span);
  Span unpacked() const { return PackedSpanView(data_.data()).unpacked(resource_); }
  std::size_t bytes() const;  // of heap and object, without the shared resource

 private:
  std::vector<std::byte> data_;
  std::shared_ptr<const Resource> resource_;
};

}  // namespace weft
