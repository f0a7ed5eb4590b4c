// SPDX-License-Identifier: Apache-2.0
#include "control/config_values.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

namespace weft::config {
namespace {

constexpr std::string_view kSpaces = " \t";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

// Digits at the start of `text`, taken away from it.
std::optional<std::uint64_t> take_integer(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

std::optional<std::uint64_t> factor_of(std::string_view name, std::initializer_list<Unit> units) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

std::string show_duration(std::chrono::nanoseconds value) {
  const auto ns = value.count();
  if (ns % 3'600'000'000'000 == 0 && ns != 0) return fmt::format("{}h", ns / 3'600'000'000'000);
  if (ns % 1'000'000'000 == 0) return fmt::format("{}s", ns / 1'000'000'000);
  return fmt::format("{}ms", ns / 1'000'000);
}

std::string show_size(std::uint64_t bytes) {
  if (bytes != 0 && bytes % (1u << 30) == 0) return fmt::format("{}GiB", bytes >> 30);
  if (bytes != 0 && bytes % (1u << 20) == 0) return fmt::format("{}MiB", bytes >> 20);
  if (bytes != 0 && bytes % (1u << 10) == 0) return fmt::format("{}KiB", bytes >> 10);
  return std::to_string(bytes);
}

}  // namespace

bool parse_bool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  throw BadValue{fmt::format("'{}' is neither true nor false", text)};
}

std::uint64_t parse_integer(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::string_view rest = text;
  const auto value = take_integer(rest);
  if (!value || !rest.empty()) throw BadValue{fmt::format("'{}' is no whole number", text)};
  if (*value < least || *value > most) throw BadValue{fmt::format("{} is not between {} and {}", text, least, most)};
  return *value;
}

double parse_ratio(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) throw BadValue{fmt::format("'{}' is no number", text)};
  if (!(value >= 0 && value <= 1)) throw BadValue{fmt::format("{} is not between 0 and 1", text)};
  return value;
}

std::chrono::nanoseconds parse_duration(std::string_view text, std::chrono::nanoseconds least,
                                        std::chrono::nanoseconds most) {
  const auto bad = [&] { return BadValue{fmt::format("'{}' is no duration (such as 500ms, 1s or 2m)", text)}; };
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::uint64_t total = 0;
  std::string_view rest = text;
  if (rest.empty()) throw bad();
  while (!rest.empty()) {
    const auto value = take_integer(rest);
    if (!value) throw bad();
    const auto unit_end = std::min(rest.find_first_of("0123456789"), rest.size());
    const auto unit = rest.substr(0, unit_end);
    rest.remove_prefix(unit_end);
    if (unit.empty() && *value == 0 && rest.empty()) break;  // a bare 0
    const auto factor = factor_of(unit, {{"ns", 1},
                                         {"us", 1'000},
                                         {"ms", 1'000'000},
                                         {"s", 1'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"h", 3'600'000'000'000}});
    if (!factor) throw bad();
    if (*value > (kMost - total) / *factor) throw BadValue{fmt::format("{} is too long", text)};
    total += *value * *factor;
  }
  const std::chrono::nanoseconds value(static_cast<std::int64_t>(total));
  if (value < least || value > most) {
    throw BadValue{fmt::format("{} is not between {} and {}", text, show_duration(least), show_duration(most))};
  }
  return value;
}

std::uint64_t parse_size(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::string_view rest = text;
  const auto value = take_integer(rest);
  const auto factor = factor_of(rest, {{"", 1},
                                       {"B", 1},
                                       {"KiB", 1u << 10},
                                       {"MiB", 1u << 20},
                                       {"GiB", 1u << 30},
                                       {"KB", 1'000},
                                       {"MB", 1'000'000},
                                       {"GB", 1'000'000'000}});
  if (!value || !factor) throw BadValue{fmt::format("'{}' is no size (such as 512KiB or 4MiB)", text)};
  if (*value > most / *factor || *value * *factor < least) {
    throw BadValue{fmt::format("{} is not between {} and {}", text, show_size(least), show_size(most))};
  }
  return *value * *factor;
}

std::vector<PortRange> parse_ports(std::string_view text) {
  std::vector<PortRange> ranges;
  for (const std::string& part : split_list(text)) {
    std::string_view rest = part;
    const auto first = take_integer(rest);
    auto last = first;
    if (first && rest.starts_with('-')) {
      rest.remove_prefix(1);
      last = take_integer(rest);
    }
    if (!first || !last || !rest.empty())
      throw BadValue{fmt::format("'{}' is no port or range (such as 9000-9099)", part)};
    if (*first < 1 || *last > 65535 || *first > *last)
      throw BadValue{fmt::format("'{}': ports go from 1 to 65535, lower one first", part)};
    ranges.push_back({static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)});
  }
  if (ranges.empty()) throw BadValue{"no port given"};
  return ranges;
}

DestinationSet::Cidr parse_cidr(std::string_view text) {
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  DestinationSet::Cidr cidr;
  unsigned offset = 0;
  if (inet_pton(AF_INET, address.c_str(), cidr.address + 12) == 1) {
    cidr.address[10] = cidr.address[11] = 0xff;
    offset = 96;
  } else if (inet_pton(AF_INET6, address.c_str(), cidr.address) != 1) {
    throw BadValue{fmt::format("'{}' is no network (such as 10.0.0.0/8 or fd00::/8)", text)};
  }
  cidr.prefix_bits = 128;
  if (slash != std::string_view::npos) {
    cidr.prefix_bits = offset + static_cast<unsigned>(parse_integer(text.substr(slash + 1), 0, 128 - offset));
  }
  for (unsigned bit = cidr.prefix_bits; bit < 128; ++bit) {
    cidr.address[bit / 8] = static_cast<std::uint8_t>(cidr.address[bit / 8] & ~(0x80u >> (bit % 8)));
  }
  return cidr;
}

std::string parse_url(std::string_view text) {
  if (text.empty()) return {};
  std::string_view rest = text;
  if (rest.starts_with("http://"))
    rest.remove_prefix(7);
  else if (rest.starts_with("https://"))
    rest.remove_prefix(8);
  else
    throw BadValue{fmt::format("'{}' is no URL that begins with http:// or https://", text)};
  const auto host = rest.substr(0, rest.find_first_of("/?#"));
  const bool odd = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; });
  if (host.empty() || host.starts_with(':') || odd) throw BadValue{fmt::format("'{}' is no URL with a host", text)};
  return std::string(text);
}

std::string parse_listen(std::string_view text) {
  if (text == "off") return "off";
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    throw BadValue{fmt::format("'{}' is neither host:port nor off", text)};
  parse_integer(text.substr(colon + 1), 1, 65535);
  return std::string(text);
}

std::string parse_header_name(std::string_view text) {
  std::string name(text);
  for (char& c : name) {
    const bool token = std::isalnum(static_cast<unsigned char>(c)) || (c != 0 && std::strchr("!#$%&'*+-.^_`|~", c));
    if (!token) throw BadValue{fmt::format("'{}' is no header name", text)};
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  if (name.empty()) throw BadValue{"a header name is empty"};
  return name;
}

std::string parse_absolute_path(std::string_view text) {
  if (!text.starts_with('/')) throw BadValue{fmt::format("'{}' is no path that begins with /", text)};
  return std::string(text);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto part = trim(text.substr(0, comma));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

namespace {
std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out.push_back(static_cast<char>(value));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}
}  // namespace

std::map<std::string, std::string> parse_pairs(std::string_view text) {
  std::map<std::string, std::string> pairs;
  for (const std::string& part : split_list(text)) {
    const auto equals = part.find('=');
    const auto key = trim(std::string_view(part).substr(0, equals));
    if (equals == std::string::npos || key.empty()) throw BadValue{fmt::format("'{}' is not key=value", part)};
    pairs[std::string(key)] = percent_decode(trim(std::string_view(part).substr(equals + 1)));
  }
  return pairs;
}

std::string expand(std::string_view text,
                   const std::function<std::optional<std::string>(std::string_view)>& environment) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] != '$' || (next != '$' && next != '{')) {
      out.push_back(text[i]);
      continue;
    }
    if (next == '$') {
      out.push_back('$');
      ++i;
      continue;
    }
    const auto end = text.find('}', i);
    if (end == std::string_view::npos) throw BadValue{"'${' without its '}'"};
    const auto inside = text.substr(i + 2, end - i - 2);
    const auto fallback = inside.find(":-");
    const auto name = inside.substr(0, fallback);
    const auto value = environment(name);
    if (value && !(value->empty() && fallback != std::string_view::npos))
      out += *value;
    else if (fallback != std::string_view::npos)
      out += inside.substr(fallback + 2);
    else
      throw BadValue{fmt::format("the environment variable {} is not set", name)};
    i = end;
  }
  return out;
}

void refuse_choice(std::string_view text, const std::vector<std::string_view>& names) {
  throw BadValue{fmt::format("'{}' is not one of {}", text, fmt::join(names, ", "))};
}

}  // namespace weft::config
