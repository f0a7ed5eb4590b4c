// SPDX-License-Identifier: Apache-2.0
// Any bytes as a message of Kafka: api key and version (with the highest bit of the version: a response), then its
// body. Invariants: nothing outside is read (sanitizers), what was read lies inside, the limits hold.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "decode/events.h"
#include "decode/kafka/api.h"
#include "decode/kafka/exchanges.h"
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

void check_door(std::span<const std::uint8_t> input) {
  weft::KafkaOptions options;
  std::uint64_t next = 0;
  options.random = [&next] { return ++next; };
  options.limits.connections = 4;
  weft::KafkaExchanges door(
      [](std::span<const std::byte> record) {
        const auto event = weft::decode_event(record);
        if (const auto* message = event ? std::get_if<weft::MessageEvent>(&*event) : nullptr)
          require(message->fields.messages > 0, "no message");
      },
      std::move(options));
  while (!input.empty()) {
    const std::size_t bytes = std::min<std::size_t>(input[0] + 1, input.size() - 1);
    const auto given = std::as_bytes(input.subspan(1, bytes));
    std::vector<std::byte> record(given.begin(), given.end());
    input = input.subspan(1 + bytes);
    if (bytes >= sizeof(event_header)) {
      const auto size = static_cast<__u32>(bytes);
      std::memcpy(record.data() + offsetof(event_header, size), &size, sizeof size);
    }
    door.feed(record);
    require(door.connections() <= 5, "too many connections");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  if (data[0] == 0xff && data[1] == 0xff) {
    check_door({data + 2, size - 2});
    return 0;
  }
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
