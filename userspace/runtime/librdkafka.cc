// SPDX-License-Identifier: Apache-2.0
#include "runtime/librdkafka.h"

#include <array>
#include <string_view>

#include "runtime/elf_symbols.h"
#include "runtime/function_start.h"

namespace weft {
namespace {

constexpr std::string_view kMessageHeaders = "rd_kafka_message_headers", kTopicName = "rd_kafka_topic_name";
// In the order of RdkafkaCall, then those that tell of the layout.
constexpr std::array<std::string_view, 15> kCallNames = {"rd_kafka_produce",
                                                         "rd_kafka_producev",
                                                         "rd_kafka_produceva",
                                                         "rd_kafka_produce_batch",
                                                         "rd_kafka_consumer_poll",
                                                         "rd_kafka_consume",
                                                         "rd_kafka_consume_queue",
                                                         "rd_kafka_consume_batch",
                                                         "rd_kafka_consume_batch_queue",
                                                         "rd_kafka_consume_callback",
                                                         "rd_kafka_consume_callback_queue",
                                                         "rd_kafka_consume_stop",
                                                         "rd_kafka_consumer_close",
                                                         kMessageHeaders,
                                                         kTopicName};
constexpr std::size_t kCalls = kCallNames.size() - 2;
constexpr std::size_t kCodeRead = 512;  // of a function
std::optional<RdkafkaLayout> layout_of(const ElfFile& file, const std::map<std::string, CodeRange>& functions) {
  std::array<std::vector<std::byte>, 2> code;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const auto function = functions.find(std::string(i == 0 ? kMessageHeaders : kTopicName));
    const auto offset = function == functions.end() ? std::nullopt : file.file_offset(function->second.address);
    if (!offset) return std::nullopt;
    code[i].resize(kCodeRead);
    code[i].resize(file.read(*offset, code[i]));
  }
  return rdkafka_layout(code[0], code[1]);
}

RdkafkaSites sites_of(const Result<ElfFile>& opened) {
  RdkafkaSites sites;
  if (!opened) return sites;
  const ElfFile& file = *opened;
  const auto functions = find_functions(file, kCallNames);
  for (std::size_t i = 0; i < kCalls; ++i) {
    const auto function = functions.find(std::string(kCallNames[i]));
    if (function == functions.end()) continue;
    const auto call = static_cast<RdkafkaCall>(i);
    if (const auto offset = file.file_offset(function->second.address))
      (call < RdkafkaCall::consumer_poll ? sites.produce : sites.consume)
          .push_back({call, function_start(file, *offset)});
  }
  if (!sites.consume.empty()) sites.layout = layout_of(file, functions);
  return sites;
}

}  // namespace

std::vector<RdkafkaLibrary> LibrdkafkaFinder::find(pid_t pid) {
  std::vector<RdkafkaLibrary> libraries;
  const auto files = mapped_files(proc_root_, pid);
  if (!files) return libraries;
  for (const auto& file : *files) {
    const auto id = file.id();
    if (!id) continue;
    auto sites = known_.of(file.path, sites_of);
    if (file.id() != id) continue;  // another file came to stand there meanwhile: of which one is this?
    if (!sites.produce.empty() || !sites.consume.empty()) libraries.push_back({file.path, std::move(sites)});
  }
  return libraries;
}

}  // namespace weft
