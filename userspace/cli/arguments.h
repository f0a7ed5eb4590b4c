// SPDX-License-Identifier: Apache-2.0
// Kinds of arguments that CLI11 does not know.
#pragma once

#include <CLI/CLI.hpp>

#include "control/config_values.h"
#include "span/span.h"

namespace weft::cli {

// "1m30s" becomes nanoseconds as digits; anything else is a usage error.
inline CLI::Validator duration_to_ns() {
  return CLI::Validator(
      [](std::string& text) {
        try {
          text = std::to_string(
              config::parse_duration(text, std::chrono::nanoseconds(0), std::chrono::hours(24 * 365)).count());
          return std::string();
        } catch (const config::BadValue& bad) {
          return bad.reason;
        }
      },
      "");
}

inline CLI::Validator span_kind() {
  return CLI::Validator(
      [](std::string& text) {
        return parse_span_kind(text) ? std::string()
                                     : "'" + text + "' is not server, client, internal, producer or consumer";
      },
      "");
}

inline CLI::Validator trace_id() {
  return CLI::Validator(
      [](std::string& text) {
        return TraceId::parse(text) ? std::string() : "'" + text + "' is no trace id (32 hex digits)";
      },
      "");
}

}  // namespace weft::cli
