// SPDX-License-Identifier: Apache-2.0
#include "assemble/trace_state.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "decode/text.h"
#include "wire/ot_member.h"

namespace weft {
namespace {

constexpr std::size_t max_members = 32, max_bytes = 512, long_member_bytes = 128;

bool key_part(std::string_view part, std::size_t limit, bool digit_first) {
  if (part.empty() || part.size() > limit) return false;
  if (!(part[0] >= 'a' && part[0] <= 'z') && !(digit_first && is_digit(part[0]))) return false;
  return std::all_of(part.begin(), part.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
  });
}

// Level 1 and 2 of the specification differ in where digits may start a key: both are accepted.
bool valid_key(std::string_view key) {
  const std::size_t at = key.find('@');
  if (at == std::string_view::npos) return key_part(key, 256, true);
  return key_part(key.substr(0, at), 241, true) && key_part(key.substr(at + 1), 14, true);
}

bool valid_value(std::string_view value) {
  return !value.empty() && value.size() <= 256 &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7E && c != ',' && c != '='; });
}

struct Members {
  std::array<std::string_view, max_members> list;
  std::size_t count = 0;
  std::size_t bytes() const {
    std::size_t sum = count ? count - 1 : 0;
    for (std::size_t i = 0; i < count; i++) sum += list[i].size();
    return sum;
  }
  void erase(std::size_t index) {
    std::move(list.begin() + index + 1, list.begin() + count, list.begin() + index);
    count--;
  }
  // `member` (may be empty) stands leftmost, where there was one of this key or not.
  void replace(std::string_view key, std::string_view member) {
    for (std::size_t i = 0; i < count; i++)
      if (list[i].substr(0, list[i].find('=')) == key) erase(i--);
    if (member.empty()) return;
    count = std::min(count, max_members - 1);
    std::move_backward(list.begin(), list.begin() + count, list.begin() + count + 1);
    list[0] = member;
    count++;
  }
};

bool parse(std::string_view text, Members& members) {
  while (!text.empty()) {
    const std::string_view member = trim(take_until(text, ','));
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos || members.count == max_members) return false;
    const std::string_view key = member.substr(0, equals);
    if (!valid_key(key) || !valid_value(member.substr(equals + 1))) return false;
    for (std::size_t i = 0; i < members.count; i++)
      if (members.list[i].substr(0, members.list[i].find('=')) == key) return false;
    members.list[members.count++] = member;
  }
  return true;
}

}  // namespace

std::string threshold_member(std::uint32_t threshold) {
  std::array<__u8, OT_MEMBER_MAX> text;
  const __u32 bytes = ot_member(text.data(), threshold);
  return {reinterpret_cast<const char*>(text.data()), bytes};
}

std::string clean_trace_state(std::string_view lines, std::optional<std::string_view> ot) {
  Members members;
  if (!parse(lines, members)) members.count = 0;
  if (ot) members.replace("ot", *ot);
  for (std::size_t i = members.count; i-- > 0 && members.bytes() > max_bytes;)
    if (members.list[i].size() > long_member_bytes) members.erase(i);
  while (members.bytes() > max_bytes) members.count--;
  std::string out;
  for (std::size_t i = 0; i < members.count; i++) out.append(i ? "," : "").append(members.list[i]);
  return out;
}

}  // namespace weft
