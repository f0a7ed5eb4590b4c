// SPDX-License-Identifier: Apache-2.0
// Configuration out of a text, as the tests give it.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>

#include "control/config_load.h"

namespace weft::test {

using Variables = std::map<std::string, std::string>;

inline Result<Config> parse(std::string_view text, Variables variables = {{"TOKEN", "s3cret"}, {"EMPTY", ""}}) {
  ConfigSources sources;
  sources.environment = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  return parse_config(text, "weft.yaml", sources);
}

inline Config good(std::string_view text, Variables variables = {{"TOKEN", "s3cret"}, {"EMPTY", ""}}) {
  const auto config = parse(text, std::move(variables));
  INFO(text);
  REQUIRE_MESSAGE(config.has_value(), config.error().message);
  return *config;
}

inline std::string error(std::string_view text) {
  const auto config = parse(text);
  return config ? "accepted" : config.error().message;
}

}  // namespace weft::test
