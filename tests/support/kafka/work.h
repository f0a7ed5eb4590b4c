// SPDX-License-Identifier: Apache-2.0
// A kafka_work filled from bytes and headers.
#pragma once
#include <cstring>
#include <memory>

#include "support/kafka/produce.h"
#include "wire/kafka_rebuild.h"

namespace weft::test::kafka {

inline std::unique_ptr<kafka_work> new_work() { return std::make_unique<kafka_work>(); }

inline void give(kafka_work& work, const Bytes& request, const Added& added) {
  std::memcpy(work.text.bytes, request.data(), std::min<std::size_t>(request.size(), KAFKA_CAP));
  work.length = static_cast<__u32>(request.size());
  work.have = std::min<__u32>(work.length, KAFKA_CAP);
  const Bytes ids = encode_headers(added.ids);
  const Bytes baggage = added.baggage ? encode_headers({*added.baggage}) : Bytes();
  std::memcpy(work.added, (ids + baggage).data(), ids.size() + baggage.size());
  work.replace = added.replace;
  work.ids_bytes = static_cast<__u32>(ids.size());
  work.ids_count = static_cast<__u32>(added.ids.size());
  work.baggage_bytes = static_cast<__u32>(baggage.size());
  work.baggage_count = added.baggage ? 1 : 0;
}

inline Bytes target(const kafka_work& work) {
  return {reinterpret_cast<const char*>(work.text.bytes) + KAFKA_TARGET, work.new_length};
}

inline const Added& added_context() {
  static const Added added{{{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}, {}, false};
  return added;
}

inline Added random_added(std::mt19937_64& random) {
  Added added = added_context();
  if (random() % 2) added.ids.push_back({"tracestate", Bytes(random() % 512 + 1, 's')});
  if (random() % 2) added.baggage = Header{"baggage", Bytes(random() % 3 ? random() % 100 + 1 : 8192, 'b')};
  added.replace = random() % 3 == 0;
  return added;
}

}  // namespace weft::test::kafka
