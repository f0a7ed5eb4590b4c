// SPDX-License-Identifier: Apache-2.0
#include "runtime/go_version.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <span>

namespace weft {
namespace {

constexpr std::string_view kMagic = "\xff Go buildinf:";
constexpr std::size_t kHeader = 32;     // magic, pointer size, flags, padding
constexpr std::byte kInlineStrings{2};  // flag: lengths as varints and the strings themselves follow the header
constexpr std::size_t kLongest = 200;   // of a version that is believed
constexpr std::uint64_t kModulesMax = 1u << 20;

bool number(std::string_view& text, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

std::string modules_of(const ElfFile& file, const ElfSection& buildinfo) {
  std::string text(std::min<std::uint64_t>(buildinfo.bytes, kModulesMax), '\0');
  text.resize(file.read(buildinfo.offset, std::as_writable_bytes(std::span(text))));
  return text;
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

// "dep\tPATH\tv1.2.3\th1:…\n", and "=>\t…\n" behind it where another one is there instead.
std::optional<std::string> read_go_module(const ElfFile& file, const ElfSection& buildinfo, std::string_view path) {
  const std::string text = modules_of(file, buildinfo);
  const std::string before = "\ndep\t" + std::string(path) + '\t';
  const std::size_t found = text.find(before);
  if (found == text.npos) return std::nullopt;
  const std::size_t at = found + before.size(), end = text.find('\n', at);
  if (end == text.npos || std::string_view(text).substr(end + 1).starts_with("=>")) return std::nullopt;
  std::string version = text.substr(at, text.find_first_of("\t\n", at) - at);
  if (!version.starts_with('v') || version.find_first_not_of("0123456789.", 1) != version.npos) return std::nullopt;
  return version;
}

// "build\tNAME=VALUE\n"
std::optional<std::string> read_go_setting(const ElfFile& file, const ElfSection& buildinfo, std::string_view name) {
  const std::string text = modules_of(file, buildinfo), before = "\nbuild\t" + std::string(name) + '=';
  const std::size_t found = text.find(before);
  if (found == text.npos) return std::nullopt;
  const std::size_t at = found + before.size();
  return text.substr(at, text.find('\n', at) - at);
}

}  // namespace weft
