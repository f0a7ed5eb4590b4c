// SPDX-License-Identifier: Apache-2.0
#include "runtime/go_version.h"

#include <array>
#include <charconv>
#include <cstring>

namespace weft {
namespace {

constexpr std::string_view kMagic = "\xff Go buildinf:";
constexpr std::size_t kHeader = 32;     // magic, pointer size, flags, padding
constexpr std::byte kInlineStrings{2};  // flag: lengths as varints and the strings themselves follow the header
constexpr std::size_t kLongest = 200;   // of a version that is believed

bool number(std::string_view& text, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

std::optional<GoVersion> parse_go_version(std::string_view text) {
  const std::size_t at = text.find("go");
  if (at == text.npos) return std::nullopt;
  std::string_view rest = text.substr(at + 2);
  GoVersion version;
  if (!number(rest, version.major) || !rest.starts_with('.')) return std::nullopt;
  rest.remove_prefix(1);
  if (!number(rest, version.minor)) return std::nullopt;
  int patch = 0;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    if (!number(rest, patch)) return std::nullopt;
  }
  version.released = at == 0 && rest.empty();
  return version;
}

Result<std::string> read_go_version(const ElfFile& file, const ElfSection& buildinfo) {
  std::array<std::byte, kHeader + 2 + kLongest> bytes{};
  const std::size_t there =
      file.read(buildinfo.offset, std::span(bytes).first(std::min(bytes.size(), buildinfo.bytes)));
  if (there < kHeader || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    return fail("its .go.buildinfo is not what Go writes");
  if ((bytes[15] & kInlineStrings) == std::byte{0}) return fail("it was built by Go 1.17 or older");
  std::size_t at = kHeader, length = 0;
  for (unsigned shift = 0; at < there && shift < 14; shift += 7) {
    const auto part = static_cast<unsigned>(bytes[at++]);
    length |= static_cast<std::size_t>(part & 0x7f) << shift;
    if (!(part & 0x80)) break;
  }
  if (length > kLongest || at + length > there) return fail("the version in its .go.buildinfo is cut off");
  return std::string(reinterpret_cast<const char*>(bytes.data()) + at, length);
}

}  // namespace weft
