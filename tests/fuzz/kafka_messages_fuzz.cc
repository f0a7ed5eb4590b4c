// SPDX-License-Identifier: Apache-2.0
// Any bytes as a message of Kafka: api key and version (with the highest bit of the version: a response), then its
// body. Invariants: nothing outside is read (sanitizers), what was read lies inside, the limits hold.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "decode/kafka/api.h"
#include "decode/kafka/fetch.h"
#include "decode/kafka/group.h"
#include "decode/kafka/metadata.h"
#include "decode/kafka/produce.h"
#include "decode/kafka/records.h"

namespace {

using namespace weft::kafka;

constexpr RecordLimits limits{.decompress = {.bytes = 1u << 20}, .headers = 8};

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "kafka_messages_fuzz: %s\n", what);
  std::abort();
}

bool within(Bytes part, Bytes whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_records(Bytes records) {
  BatchReader batches(records);
  RecordReader reader(limits);
  RecordBatch batch;
  Record record;
  while (batches.next(batch)) {
    require(within(batch.records, records), "records outside");
    reader.open(batch);
    std::int64_t count = 0;
    for (; reader.next(record); count++) {
      require(record.headers.size() <= limits.headers, "too many headers");
      static_cast<void>(control_kind(record));
    }
    require(count <= batch.record_count, "more records than there are");
  }
}

void check_response(ApiKey key, std::int16_t version, Bytes body) {
  ProduceResponse produced;
  FetchResponse fetched;
  MetadataResponse metadata;
  if (key == ApiKey::produce) static_cast<void>(read_produce_response(body, version, produced));
  if (key == ApiKey::api_versions) static_cast<void>(read_api_versions_response(body, version));
  if (key == ApiKey::metadata) static_cast<void>(read_metadata_response(body, version, metadata));
  if (key == ApiKey::fetch) {
    static_cast<void>(read_fetch_response(body, version, fetched));
    for (const FetchPartition& partition : fetched.partitions) {
      require(within(partition.records, body), "a partition outside");
      check_records(partition.records);
    }
  }
}

void check_request(ApiKey key, std::int16_t version, Bytes body) {
  ProduceRequest produced;
  FetchRequest fetched;
  GroupMember member;
  if (key == ApiKey::produce) {
    static_cast<void>(read_produce_request(body, version, produced));
    for (const ProducePartition& partition : produced.partitions) check_records(partition.records);
  }
  if (key == ApiKey::fetch) static_cast<void>(read_fetch_request(body, version, fetched));
  if (key == ApiKey::api_versions) static_cast<void>(read_api_versions_request(body, version));
  static_cast<void>(read_group_request(static_cast<std::int16_t>(key), body, version, member));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Bytes body = std::as_bytes(std::span(data + 2, size - 2));
  const auto key = static_cast<ApiKey>(data[0]);
  const auto version = static_cast<std::int16_t>(data[1] & 0x7f);
  static_cast<void>(read_request_header(body));
  if (data[1] & 0x80)
    check_response(key, version, body);
  else
    check_request(key, version, body);
  return 0;
}
