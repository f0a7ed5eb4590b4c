// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "runtime/go_program.h"
#include "support/fake_go.h"

using namespace weft;
using weft::test::FakeGo;

namespace {

using Consume = GoKafka::Consume;
using Functions = std::vector<std::pair<std::string, std::string>>;

const std::string kFetch = "github.com/segmentio/kafka-go.(*Reader).FetchMessage",
                  kRead = "github.com/segmentio/kafka-go.(*Reader).ReadMessage",
                  kReaderClose = "github.com/segmentio/kafka-go.(*Reader).Close",
                  kPoll = "github.com/twmb/franz-go/pkg/kgo.(*Client).PollRecords",
                  kNext = "github.com/twmb/franz-go/pkg/kgo.(*FetchesRecordIter).Next",
                  kEvents = "github.com/confluentinc/confluent-kafka-go/v2/kafka.(*handle).eventPoll",
                  kNewConsumer = "github.com/confluentinc/confluent-kafka-go/v2/kafka.NewConsumer",
                  kSarama = "github.com/IBM/sarama.(*consumerGroup).Consume";
const std::string kSegmentioModule = "\ndep\tgithub.com/segmentio/kafka-go\tv0.4.51\th1:x=\n",
                  kFranzModule = "\ndep\tgithub.com/twmb/franz-go\tv1.22.2\th1:x=\n",
                  kConfluentModule = "\ndep\tgithub.com/confluentinc/confluent-kafka-go/v2\tv2.11.1\th1:x=\n";
// cmp; jbe; push %rbp (at 6); pop %rbp; ret (at 8); nop; pop %rbp; ret (at 11); then as much int3 as there is room.
const std::string kCode = "\x49\x3b\x66\x10\x76\x10\x55\x5d\xc3\x90\x5d\xc3";
constexpr std::uint64_t kEntry = 6, kFirst = 8, kSecond = 11;

GoKafka kafka_of(const std::string& modules, const Functions& functions) {
  const std::string bytes = FakeGo{.modules = modules, .more = functions}.build();
  const int fd = memfd_create("program", MFD_CLOEXEC);
  REQUIRE(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  const GoAnalysis analysis = analyse_go_program("/proc/self/fd/" + std::to_string(fd));
  close(fd);
  REQUIRE(std::holds_alternative<GoProgram>(analysis));
  return std::get<GoProgram>(analysis).kafka;
}

std::string reason_of(const std::string& modules, const Functions& functions) {
  const GoKafka kafka = kafka_of(modules, functions);
  CHECK(kafka.consume.empty());
  return kafka.not_followed;
}

constexpr std::uint64_t place(std::size_t function, std::uint64_t at) {
  return FakeGo::kMore + function * FakeGo::kFunction + at;
}

}  // namespace

TEST_CASE("Kafka consumers of Go: the beginnings of their calls, and each of their returns") {
  using Sites = std::vector<std::pair<Consume, std::uint64_t>>;
  const GoKafka segmentio = kafka_of(kSegmentioModule, {{kFetch, kCode}, {kReaderClose, kCode}, {kRead, kCode}});
  CHECK(segmentio.consume == Sites{{Consume::fetch, place(0, kEntry)},
                                   {Consume::fetched, place(0, kFirst)},
                                   {Consume::fetched, place(0, kSecond)},
                                   {Consume::read, place(2, kFirst)},
                                   {Consume::read, place(2, kSecond)},
                                   {Consume::close, place(1, kEntry)}});
  CHECK(segmentio.not_followed.empty());
  const GoKafka franz = kafka_of(kFranzModule, {{kPoll, kCode}, {kNext, kCode}});
  CHECK(franz.consume == Sites{{Consume::poll, place(0, kEntry)},
                               {Consume::polled, place(0, kFirst)},
                               {Consume::polled, place(0, kSecond)},
                               {Consume::next, place(1, kEntry)},
                               {Consume::next_record, place(1, kFirst)},
                               {Consume::next_record, place(1, kSecond)}});
  CHECK(franz.not_followed.empty());
  const GoKafka confluent = kafka_of(kConfluentModule, {{kEvents, kCode}, {kNewConsumer, kCode}});
  CHECK(confluent.consume == Sites{{Consume::events, place(0, kEntry)},
                                   {Consume::event, place(0, kFirst)},
                                   {Consume::event, place(0, kSecond)}});
}

TEST_CASE("Kafka consumers of Go: what is not followed, and why") {
  CHECK(reason_of("", {}).empty());
  CHECK(reason_of("", {{kFetch, kCode}}) == "this release of kafka-go is not known");
  CHECK(reason_of("\ndep\tgithub.com/segmentio/kafka-go\tv0.4.41\th1:x=\n", {{kFetch, kCode}}) ==
        "this release of kafka-go is not known (v0.4.41)");
  CHECK(reason_of("\ndep\tgithub.com/twmb/franz-go\tv0.9.0\n", {{kPoll, kCode}, {kNext, kCode}}) ==
        "this release of franz-go is not known (v0.9.0)");
  CHECK(reason_of(kFranzModule, {{kPoll, kCode}}).empty());  // produces only: Close polls
  CHECK(reason_of(kFranzModule, {{kNext, kCode}}).empty());
  CHECK(reason_of(kSegmentioModule + "build\t-pgo=/src/default.pgo\nbuild\tCGO_ENABLED=0\n", {{kFetch, kCode}}) ==
        "kafka-go was built with a profile (-pgo)");
  CHECK(reason_of("\ndep\tgithub.com/confluentinc/confluent-kafka-go/v2\tv2.2.0\th1:x=\n",
                  {{kEvents, kCode}, {kNewConsumer, kCode}}) ==
        "this release of confluent-kafka-go is not known (v2.2.0)");
  CHECK(reason_of("", {{"github.com/confluentinc/confluent-kafka-go/kafka.NewConsumer", kCode}}) ==
        "this release of confluent-kafka-go is not known");
  CHECK(reason_of(kConfluentModule, {{kEvents, kCode}}).empty());  // produces only
  CHECK(reason_of("", {{kSarama, kCode}}) == "sarama gives records through channels");
  CHECK(reason_of("", {{kFetch, kCode}, {kSarama, kCode}}) ==
        "this release of kafka-go is not known, sarama gives records through channels");
}

TEST_CASE("Kafka consumers of Go: code that is not read to its end has no places") {
  const std::string why = "the code of kafka-go has no places for probes";
  const std::string no_return = "\x49\x3b\x66\x10\x76\x10\x55\x5d", no_code = kCode + "\x06", no_entry = "\x90\xc3";
  for (const auto& code : {no_return, no_code, no_entry}) CHECK(reason_of(kSegmentioModule, {{kFetch, code}}) == why);
  // One of two calls.
  CHECK(reason_of(kFranzModule, {{kPoll, kCode}, {kNext, no_return}}) ==
        "the code of franz-go has no places for probes");
}
