// SPDX-License-Identifier: Apache-2.0
// Any bytes as a Produce request. Invariants: what is read whole is well-formed to a decoder that shares nothing with
// the product, and is rebuilt to what that decoder expects. The frame's length and the sums of batches are made right
// first, or no mutation would come further than them.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "support/kafka/work.h"
#include "wire/kafka_answer.h"
#include "wire/kafka_summary.h"

namespace {

using namespace weft::test::kafka;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "kafka_fuzz: %s\n", what);
  std::abort();
}

void put32(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (int i = 0; i < 4; i++) bytes[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (24 - 8 * i));
}

Added added_of(std::uint8_t choice) {
  Added added = added_context();
  if (choice & 1) added.ids.push_back({"tracestate", "a=b,c=d"});
  if (choice & 2) added.baggage = Header{"baggage", Bytes(choice, 'b')};
  added.replace = choice & 4;
  return added;
}

kafka_work& work() {
  static const auto the_work = new_work();
  return *the_work;
}

int read(Bytes& request, const Added& added) {
  for (unsigned tries = 0;; tries++) {
    give(work(), request, added);
    const int outcome = kafka_produce_read(&work());
    if (outcome != KAFKA_CORRUPT || tries > KAFKA_PARTS) return outcome;
    const kafka_part& part = work().parts[work().part_count - 1];
    put32(request, part.batch_at + 17, crc32c(request.substr(part.batch_at + 21, part.batch_bytes - 21)));
  }
}

void check(std::uint8_t choice, Bytes request) {
  static head_text text;
  const Added added = added_of(choice);
  if (request.size() >= 4) put32(request, 0, static_cast<std::uint32_t>(request.size() - 4));
  const int outcome = read(request, added);
  require(kafka_summary(&work(), &text, 600) <= 600, "a summary is too long");
  if (outcome != KAFKA_WHOLE) return;
  for (unsigned i = 0; i < work().part_count; i++) {  // those that are stepped over have sums of their own
    const kafka_part& part = work().parts[i];
    if (part.magic == 2 && part.batch_bytes >= 61)
      put32(request, part.batch_at + 17, crc32c(request.substr(part.batch_at + 21, part.batch_bytes - 21)));
  }
  require(read(request, added) == KAFKA_WHOLE, "right sums make it wrong");
  try {
    std::size_t changed = 0;
    const Produce expected = with_headers(decode(request), added, changed);
    require(changed == work().changed, "other records are changed");
    if (!changed) return;
    if (!kafka_rebuild(&work())) {
      require(encode(expected).size() > KAFKA_CAP, "it was not rebuilt");
      return;
    }
    require(decode(target(work())) == expected, "it was rebuilt wrongly");
  } catch (const std::exception& error) {
    require(false, error.what());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 100000) return 0;
  check(data[0], Bytes(reinterpret_cast<const char*>(data) + 1, size - 1));
  static head_text text;
  std::memcpy(text.bytes, data, std::min<std::size_t>(size, sizeof text.bytes));
  kafka_answer_refuses(&text, static_cast<__u32>(std::min<std::size_t>(size, HEAD_TEXT_CAP)), 3 + data[0] % 11u);
  return 0;
}
