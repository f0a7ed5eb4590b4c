// SPDX-License-Identifier: Apache-2.0
// A kafka_work filled from bytes and headers.
#pragma once
#include <algorithm>
#include <cstring>
#include <memory>

#include "support/kafka/produce.h"
#include "wire/kafka_rebuild.h"

namespace weft::test::kafka {

inline std::unique_ptr<kafka_work> new_work() { return std::make_unique<kafka_work>(); }

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

inline void give_headers(kafka_work& work, const Added& added) {
  const Bytes ids = encode_headers(added.ids);
  const Bytes baggage = added.baggage ? encode_headers({*added.baggage}) : Bytes();
  std::memcpy(work.added, (ids + baggage).data(), ids.size() + baggage.size());
  work.replace = added.replace;
  work.ids_bytes = static_cast<__u32>(ids.size());
  work.ids_count = static_cast<__u32>(added.ids.size());
  work.baggage_bytes = static_cast<__u32>(baggage.size());
  work.baggage_count = added.baggage ? 1 : 0;
}

inline void give(kafka_work& work, const Bytes& request, const Added& added) {
  std::memcpy(work.text.bytes, request.data(), std::min<std::size_t>(request.size(), KAFKA_CAP));
  work.length = static_cast<__u32>(request.size());
  work.have = std::min<__u32>(work.length, KAFKA_CAP);
  give_headers(work, added);
  work.told = work.without_baggage = 0;
  work.stay_parts = 0;
  work.adds = 1;
}

// Who gave the library which record: 0 is nobody, else the number of one of `callers`, from 1 on.
struct Apart {
  std::vector<Added> callers;
  std::vector<std::size_t> whose;  // by number of the record

  const Added* of(std::size_t record) const { return whose.at(record) ? &callers.at(whose.at(record) - 1) : nullptr; }
};

inline kafka_note caller_note(std::size_t caller) {
  kafka_note note{};
  note.exchange_id = caller << 6 | 1;
  return note;
}

// Callers for whom there is no place become nobody in `apart`. REQUIRES: a request no longer than KAFKA_SETS_FROM.
inline void give(kafka_work& work, const Bytes& request, Apart& apart) {
  give(work, request, added_context());
  kafka_sets_begin(&work);
  work.part_count = 1;
  std::vector<__u32> sets{0};
  while (sets.size() <= apart.callers.size()) {
    const kafka_note note = caller_note(sets.size());
    sets.push_back(kafka_set_of(&work, &note));
    if (!sets.back()) std::ranges::replace(apart.whose, sets.size() - 1, 0u);
  }
  for (std::size_t caller = 0; caller < apart.callers.size(); caller++) {
    give_headers(work, apart.callers[caller]);
    if (sets[caller + 1]) kafka_set_stage(&work, sets[caller + 1]);
  }
  for (std::size_t number = 0; number < apart.whose.size(); number++)
    kafka_set_record(&work, static_cast<__u32>(number), sets[apart.whose[number]]);
  work.told = 1;
}

inline Bytes target(const kafka_work& work) {
  return {reinterpret_cast<const char*>(work.text.bytes) + KAFKA_TARGET, work.new_length};
}

inline Produce one_record(int version, Record record = {}) {
  Produce request;
  request.version = version;
  request.client_id = "client";
  record.value = record.value.value_or("value");
  Batch batch;
  batch.count = 1;
  batch.records = {std::move(record)};
  request.topics = {{version >= 13 ? Bytes(16, 'i') : Bytes("orders"), {{3, batch, {}}}}};
  return request;
}

inline std::size_t records_in(const Produce& request) {
  std::size_t records = 0;
  for (const Topic& topic : request.topics)
    for (const Partition& partition : topic.partitions) records += partition.batch.records.size();
  return records;
}

inline Apart random_apart(std::mt19937_64& random, const Produce& request) {
  Apart apart;
  apart.callers.resize(random() % 40 + 1);
  for (Added& added : apart.callers) {
    added = random_added(random);
    added.replace = false;
    if (added.baggage) added.baggage->value->resize(std::min<std::size_t>(added.baggage->value->size(), 1000));
    added.ids[0].value->back() = static_cast<char>('a' + random() % 20);
  }
  for (std::size_t n = records_in(request); n > 0; n--) apart.whose.push_back(random() % (apart.callers.size() + 1));
  return apart;
}

}  // namespace weft::test::kafka
