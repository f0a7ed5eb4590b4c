// SPDX-License-Identifier: Apache-2.0
#include "runtime/librdkafka.h"

#include <array>
#include <string_view>

#include "runtime/elf_symbols.h"

namespace weft {
namespace {

constexpr std::size_t kMaxKnown = 4096;
// In the order of RdkafkaCall.
constexpr std::array<std::string_view, 4> kNames = {"rd_kafka_produce", "rd_kafka_producev", "rd_kafka_produceva",
                                                    "rd_kafka_produce_batch"};
constexpr std::array kEndbr64 = {std::byte{0xf3}, std::byte{0x0f}, std::byte{0x1e}, std::byte{0xfa}};

// The kernel emulates the push or the jump that such functions begin with, but not the mark before it.
std::uint64_t behind_mark(const ElfFile& file, std::uint64_t offset) {
  std::array<std::byte, kEndbr64.size()> first{};
  return file.read(offset, first) == first.size() && first == kEndbr64 ? offset + first.size() : offset;
}

}  // namespace

std::vector<RdkafkaSite> LibrdkafkaFinder::sites_of(const MappedFile& mapped, const FileId& id) {
  const std::scoped_lock lock(mutex_);
  if (const auto known = known_.find(id); known != known_.end()) return known->second;
  std::vector<RdkafkaSite> sites;
  if (const auto file = ElfFile::open(mapped.path)) {
    const auto functions = find_functions(*file, kNames);
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      const auto function = functions.find(std::string(kNames[i]));
      if (function == functions.end()) continue;
      if (const auto offset = file->file_offset(function->second))
        sites.push_back({static_cast<RdkafkaCall>(i), behind_mark(*file, *offset)});
    }
  }
  if (mapped.id() != id) return {};  // another file came to stand there meanwhile: of which one is this?
  if (known_.size() >= kMaxKnown) known_.clear();
  known_[id] = sites;
  return sites;
}

std::vector<RdkafkaLibrary> LibrdkafkaFinder::find(pid_t pid) {
  std::vector<RdkafkaLibrary> libraries;
  const auto files = mapped_files(proc_root_, pid);
  if (!files) return libraries;
  for (const auto& file : *files) {
    const auto id = file.id();
    if (!id) continue;
    if (auto sites = sites_of(file, *id); !sites.empty()) libraries.push_back({file.path, std::move(sites)});
  }
  return libraries;
}

}  // namespace weft
