// SPDX-License-Identifier: Apache-2.0
// A record of the ring buffer, as the structure of wire/events.h that it begins with.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>

namespace weft {

// Nothing when the record is shorter than the structure.
template <class T>
std::optional<T> read_front(std::span<const std::byte> record) {
  T fields;
  if (record.size() < sizeof(T)) return std::nullopt;
  std::memcpy(&fields, record.data(), sizeof(T));
  return fields;
}

}  // namespace weft
