// SPDX-License-Identifier: Apache-2.0
#include "runtime/go_kafka.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "runtime/go_version.h"
#include "runtime/probe_site.h"

namespace weft {
namespace {

using ConsumeSites = std::vector<std::pair<GoKafka::Consume, std::uint64_t>>;

constexpr std::string_view kSegmentio = "github.com/segmentio/kafka-go", kFranz = "github.com/twmb/franz-go",
                           kConfluent = "github.com/confluentinc/confluent-kafka-go/v2";
// By the names that their modules have and had.
constexpr std::array<std::pair<std::string_view, GoKafka::Produce>, 7> kProduce{
    {{"github.com/twmb/franz-go/pkg/kgo.(*Client).produce", GoKafka::Produce::franz},
     {"github.com/IBM/sarama.(*syncProducer).SendMessage", GoKafka::Produce::sarama},
     {"github.com/IBM/sarama.(*syncProducer).SendMessages", GoKafka::Produce::sarama_batch},
     {"github.com/Shopify/sarama.(*syncProducer).SendMessage", GoKafka::Produce::sarama},
     {"github.com/Shopify/sarama.(*syncProducer).SendMessages", GoKafka::Produce::sarama_batch},
     {"github.com/segmentio/kafka-go.(*Writer).WriteMessages", GoKafka::Produce::segmentio},
     {"github.com/segmentio/kafka-go.(*Conn).WriteCompressedMessagesAt", GoKafka::Produce::segmentio}}};
constexpr std::string_view kFetch = "github.com/segmentio/kafka-go.(*Reader).FetchMessage",
                           kRead = "github.com/segmentio/kafka-go.(*Reader).ReadMessage",
                           kReaderClose = "github.com/segmentio/kafka-go.(*Reader).Close",
                           kPoll = "github.com/twmb/franz-go/pkg/kgo.(*Client).PollRecords",
                           kNext = "github.com/twmb/franz-go/pkg/kgo.(*FetchesRecordIter).Next",
                           kClientClose = "github.com/twmb/franz-go/pkg/kgo.(*Client).Close",
                           kEvents = "github.com/confluentinc/confluent-kafka-go/v2/kafka.(*handle).eventPoll",
                           kNewConsumer = "github.com/confluentinc/confluent-kafka-go/v2/kafka.NewConsumer",
                           kOldConsumer = "github.com/confluentinc/confluent-kafka-go/kafka.NewConsumer";
constexpr std::array<std::string_view, 4> kChannels{
    "github.com/IBM/sarama.(*consumerGroup).Consume", "github.com/IBM/sarama.(*consumer).ConsumePartition",
    "github.com/Shopify/sarama.(*consumerGroup).Consume", "github.com/Shopify/sarama.(*consumer).ConsumePartition"};

constexpr auto kNames = [] {
  std::array<std::string_view, kProduce.size() + 9 + kChannels.size()> all;
  auto* to = all.begin();
  for (const auto& [name, call] : kProduce) *to++ = name;
  for (const auto name : {kFetch, kRead, kReaderClose, kPoll, kNext, kClientClose, kEvents, kNewConsumer, kOldConsumer})
    *to++ = name;
  std::ranges::copy(kChannels, to);
  return all;
}();

// "v0.4.51": is it of the line "v0.4.", and its next number 42 at least?
bool is_since(std::string_view version, std::string_view line, int oldest) {
  int number = 0;
  return version.starts_with(line) &&
         std::from_chars(version.data() + line.size(), version.data() + version.size(), number).ec == std::errc() &&
         number >= oldest;
}

// kafka-go's messages stand beside each other, and have had more than one length; before 42 it is not certain.
bool is_known_segmentio(std::string_view version) { return is_since(version, "v0.4.", 42); }

// kgo.Record has had the same fields at its beginning in all of them.
bool is_known_franz(std::string_view version) { return is_since(version, "v1.", 0); }

// Of older ones it was not looked at.
bool is_known_confluent(std::string_view version) { return is_since(version, "v2.", 3); }

// All that the program has of them, or none: what one library is given by ways that are not seen says nothing of the
// rest.
std::vector<std::pair<GoKafka::Produce, std::uint64_t>> produce_sites(const ElfFile& file, const GoFunctions& functions,
                                                                      bool segmentio) {
  std::vector<std::pair<GoKafka::Produce, std::uint64_t>> sites;
  for (const auto& [name, call] : kProduce) {
    const CodeRange* produce = function_of(functions, name);
    if (!produce || (call == GoKafka::Produce::segmentio && !segmentio)) continue;
    const auto site = entry_site(file, *produce);
    if (!site) return {};
    sites.emplace_back(call, *site);
  }
  return sites;
}

struct Call {
  const CodeRange* function;
  std::optional<GoKafka::Consume> begins;
  GoKafka::Consume returns;
};

// Places of all these calls; nothing: one of them has none.
std::optional<ConsumeSites> consume_sites(const ElfFile& file, std::span<const Call> calls, const CodeRange* close) {
  ConsumeSites sites;
  for (const auto& [function, begins, returns] : calls) {
    if (begins) {
      const auto entry = entry_site(file, *function);
      if (!entry) return std::nullopt;
      sites.emplace_back(*begins, *entry);
    }
    const auto all = return_sites(file, *function);
    if (all.empty()) return std::nullopt;
    for (const std::uint64_t site : all) sites.emplace_back(returns, site);
  }
  const auto at_close = close ? entry_site(file, *close) : std::nullopt;
  if (at_close) sites.emplace_back(GoKafka::Consume::close, *at_close);
  return sites;
}

class Consumers {
 public:
  Consumers(const ElfFile& file, const ElfSection& buildinfo, const GoFunctions& functions, GoKafka& found)
      : file_(file), functions_(functions), found_(found) {
    profiled_ = read_go_setting(file, buildinfo, "-pgo").has_value();
  }

  void find(const std::optional<std::string>& segmentio, const std::optional<std::string>& franz,
            const std::optional<std::string>& confluent) {
    using Consume = GoKafka::Consume;
    const CodeRange *fetch = function_of(functions_, kFetch), *poll = function_of(functions_, kPoll),
                    *next = function_of(functions_, kNext), *events = function_of(functions_, kEvents);
    if (fetch) {
      std::vector<Call> calls{{fetch, Consume::fetch, Consume::fetched}};
      if (const CodeRange* read = function_of(functions_, kRead)) calls.push_back({read, {}, Consume::read});
      add("kafka-go", segmentio, is_known_segmentio(segmentio.value_or("")), calls, kReaderClose);
    }
    if (poll && next) {  // Close polls too, so that is no sign of a consumer
      const Call calls[] = {{poll, Consume::poll, Consume::polled}, {next, Consume::next, Consume::next_record}};
      add("franz-go", franz, is_known_franz(franz.value_or("")), calls, kClientClose);
    }
    if (function_of(functions_, kOldConsumer)) say("this release of confluent-kafka-go is not known");
    if (events && function_of(functions_, kNewConsumer)) {
      const Call calls[] = {{events, Consume::events, Consume::event}};
      add("confluent-kafka-go", confluent, is_known_confluent(confluent.value_or("")), calls, {});
    }
    if (std::ranges::any_of(kChannels, [&](auto name) { return function_of(functions_, name) != nullptr; }))
      say("sarama gives records through channels");
  }

 private:
  void add(std::string_view library, const std::optional<std::string>& version, bool known, std::span<const Call> calls,
           std::string_view close) {
    const std::string name(library);
    if (!known) return say("this release of " + name + " is not known" + (version ? " (" + *version + ")" : ""));
    // Functions may have become parts of others: some records would be seen to be given, and some not.
    if (profiled_) return say(name + " was built with a profile (-pgo)");
    const auto sites = consume_sites(file_, calls, function_of(functions_, close));
    if (!sites) return say("the code of " + name + " has no places for probes");
    found_.consume.insert(found_.consume.end(), sites->begin(), sites->end());
  }

  void say(const std::string& why) {
    if (!found_.not_followed.empty()) found_.not_followed += ", ";
    found_.not_followed += why;
  }

  const ElfFile& file_;
  const GoFunctions& functions_;
  GoKafka& found_;
  bool profiled_ = false;
};

}  // namespace

std::span<const std::string_view> go_kafka_names() { return kNames; }

GoKafka find_go_kafka(const ElfFile& file, const ElfSection& buildinfo, const GoFunctions& functions) {
  GoKafka found;
  const auto segmentio = read_go_module(file, buildinfo, kSegmentio);
  found.produce = produce_sites(file, functions, is_known_segmentio(segmentio.value_or("")));
  Consumers(file, buildinfo, functions, found)
      .find(segmentio, read_go_module(file, buildinfo, kFranz), read_go_module(file, buildinfo, kConfluent));
  return found;
}

}  // namespace weft
