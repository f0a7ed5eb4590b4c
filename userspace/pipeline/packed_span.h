// SPDX-License-Identifier: Apache-2.0
// A finished span as one block of memory, for whoever keeps many: a quarter of the bytes, and to forget it is one free
// instead of twenty that each touch memory nobody has looked at for a while. Values in, values out; a block never
// leaves the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "span/span.h"

namespace weft {

class PackedSpan {
 public:
  explicit PackedSpan(const Span& span);
  Span unpacked() const;

  // What a filter asks for, without unpacking.
  TraceId trace_id() const;
  SpanKind kind() const;
  StatusCode status() const;
  const Resource& resource() const { return *resource_; }

  std::size_t bytes() const;  // of heap and object, without the shared resource

 private:
  std::uint32_t size_;
  std::unique_ptr<std::byte[]> data_;
  std::shared_ptr<const Resource> resource_;
};

}  // namespace weft
