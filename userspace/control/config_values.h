// SPDX-License-Identifier: Apache-2.0
// Text to value, for every kind of scalar that the configuration has. Private to control/config_*.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/config.h"

namespace weft::config {

// What is wrong with a value, without its place. Thrown inside the loader only; load_config turns it into an Error.
struct BadValue {
  std::string reason;
};

bool parse_bool(std::string_view text);
std::uint64_t parse_integer(std::string_view text, std::uint64_t least, std::uint64_t most);
double parse_ratio(std::string_view text);  // 0 to 1
std::chrono::nanoseconds parse_duration(std::string_view text, std::chrono::nanoseconds least,
                                        std::chrono::nanoseconds most);  // "1s", "1m30s", "500ms", "0"
std::uint64_t parse_size(std::string_view text, std::uint64_t least, std::uint64_t most);  // bytes: "4MiB", "8192"
std::vector<PortRange> parse_ports(std::string_view text);                                 // "8080,9000-9099"
DestinationSet::Cidr parse_cidr(std::string_view text);                                    // "10.0.0.0/8", "fd00::/8"
std::string parse_url(std::string_view text);                                              // http(s)://…, or empty
std::string parse_listen(std::string_view text);                                           // "host:port" or "off"
std::string parse_header_name(std::string_view text);                                      // RFC 9110 token, lower case
std::string parse_absolute_path(std::string_view text);
std::map<std::string, std::string> parse_pairs(std::string_view text);  // OTEL style "k=v,k2=v2", percent-decoded
std::vector<std::string> split_list(std::string_view text);             // at commas, trimmed, empty ones gone

// ${NAME}, ${NAME:-default}; $$ is a dollar sign.
std::string expand(std::string_view text,
                   const std::function<std::optional<std::string>(std::string_view)>& environment);

// One of the listed names.
template <class Value>
struct Choice {
  std::string_view name;
  Value value;
};
[[noreturn]] void refuse_choice(std::string_view text, const std::vector<std::string_view>& names);
template <class Value>
Value choose(std::string_view text, std::initializer_list<Choice<Value>> choices) {
  std::vector<std::string_view> names;
  for (const auto& choice : choices) {
    if (choice.name == text) return choice.value;
    names.push_back(choice.name);
  }
  refuse_choice(text, names);
}

}  // namespace weft::config
