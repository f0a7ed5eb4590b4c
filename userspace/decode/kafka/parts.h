// SPDX-License-Identifier: Apache-2.0
// What several messages have in common.
#pragma once

#include <cstddef>
#include <cstdint>

#include "decode/kafka/produce.h"
#include "decode/kafka/reader.h"

namespace weft::kafka {

// Of one message. A frame may say any number; memory is taken for what is really there, and for no more than this.
constexpr std::size_t most_partitions = 16384;

inline Topic read_topic(Reader& reader, bool by_id) {
  Topic topic;
  if (by_id)
    topic.id = reader.uuid();
  else
    topic.name = reader.string();
  return topic;
}

// An array: `element` for each one as long as there is no fault.
template <class Element>
void read_array(Reader& reader, const Element& element) {
  for (std::uint32_t count = reader.nullable_array().value_or(0); count > 0 && reader.ok(); count--) element();
}

}  // namespace weft::kafka
