// SPDX-License-Identifier: Apache-2.0
#include "runtime/librdkafka_layout.h"

#include <set>
#include <utility>

#include "runtime/code_walk.h"

namespace weft {
namespace {

constexpr std::uint16_t kMessageBytes = 72;  // what of a message is the library's interface
constexpr std::uint16_t kMessageMost = 512, kTopicMost = 1024, kNameMost = 64;

// A read of so many bytes from memory, at a distance from what a register holds.
struct Load {
  ZydisRegister from, to;
  std::int64_t distance;
  unsigned bytes;
};

std::optional<Load> load_of(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
  if (in.mnemonic != ZYDIS_MNEMONIC_MOV && in.mnemonic != ZYDIS_MNEMONIC_MOVSXD) return std::nullopt;
  const auto& to = operands[0];
  const auto& from = operands[1];
  if (to.type != ZYDIS_OPERAND_TYPE_REGISTER || from.type != ZYDIS_OPERAND_TYPE_MEMORY) return std::nullopt;
  if (from.mem.index != ZYDIS_REGISTER_NONE || from.mem.segment == ZYDIS_REGISTER_FS) return std::nullopt;
  if (from.mem.base == ZYDIS_REGISTER_RSP || from.mem.base == ZYDIS_REGISTER_RIP ||
      from.mem.base == ZYDIS_REGISTER_NONE)
    return std::nullopt;
  return Load{from.mem.base, to.reg.value, from.mem.disp.has_displacement ? from.mem.disp.value : 0,
              static_cast<unsigned>(from.size / 8)};
}

// Before it calls anybody the function reads the headers that were parsed already, and where there are none a length
// of 32 bits and the address behind it: the only such pair behind what of a message is the interface.
std::optional<std::uint16_t> headers_of(std::span<const std::byte> code) {
  std::set<std::int64_t> numbers, addresses;
  const bool called =
      walk_code(code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t) {
        if (in.mnemonic == ZYDIS_MNEMONIC_CALL) return true;
        const auto load = load_of(in, operands);
        if (!load || load->distance < kMessageBytes || load->distance >= kMessageMost) return false;
        if (load->bytes == 4) numbers.insert(load->distance);
        if (load->bytes == 8) addresses.insert(load->distance);
        return false;
      });
  std::set<std::int64_t> pairs;
  for (const std::int64_t number : numbers)
    if (number % 8 == 0 && addresses.contains(number + 8)) pairs.insert(number);
  if (!called || pairs.size() != 1 || *addresses.begin() >= *pairs.begin()) return std::nullopt;
  return static_cast<std::uint16_t>(*pairs.begin());
}

// A topic's name is two reads away, one directly behind the other, and goes back to the caller.
std::optional<std::pair<std::uint16_t, std::uint16_t>> name_of(std::span<const std::byte> code) {
  std::set<std::pair<std::uint16_t, std::uint16_t>> found;
  std::optional<Load> before, last;
  walk_code(code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t) {
    if (in.mnemonic == ZYDIS_MNEMONIC_CALL) return true;
    if (in.mnemonic == ZYDIS_MNEMONIC_RET) {
      if (before && last && before->from == ZYDIS_REGISTER_RDI && before->to == last->from && before->bytes == 8 &&
          last->to == ZYDIS_REGISTER_RAX && last->bytes == 8 && before->distance >= 0 &&
          before->distance < kTopicMost && last->distance >= 0 && last->distance < kNameMost)
        found.emplace(before->distance, last->distance);
      return !found.empty();
    }
    before = std::exchange(last, load_of(in, operands));
    return false;
  });
  if (found.size() != 1) return std::nullopt;
  return *found.begin();
}

}  // namespace

std::optional<RdkafkaLayout> rdkafka_layout(std::span<const std::byte> message_headers,
                                            std::span<const std::byte> topic_name) {
  const auto headers = headers_of(message_headers);
  const auto name = name_of(topic_name);
  if (!headers || !name) return std::nullopt;
  return RdkafkaLayout{*headers, name->first, name->second};
}

}  // namespace weft
