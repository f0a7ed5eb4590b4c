// SPDX-License-Identifier: Apache-2.0
// A record of the ring buffer, as the structure of wire/events.h that it begins with.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>

namespace weft {

// False when the record is shorter than the structure.
template <class T>
bool read_front(std::span<const std::byte> record, T& fields) {
  if (record.size() < sizeof(T)) return false;
  std::memcpy(&fields, record.data(), sizeof(T));
  return true;
}
// Nothing in that case.
template <class T>
std::optional<T> read_front(std::span<const std::byte> record) {
  T fields;
  return read_front(record, fields) ? std::optional(fields) : std::nullopt;
}

}  // namespace weft
