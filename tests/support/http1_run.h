// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace weft::test {

// What one direction of an HTTP/1.1 connection was read as, whoever read it.
struct Http1Message {
  int method = 0;  // enum http1_method; requests
  int status = 0;  // responses
  int flags = 0;   // HTTP1_HAS_LENGTH, HTTP1_HAS_CODING, HTTP1_HAS_UPGRADE, HTTP1_IS_10
  uint64_t head_bytes = 0;
  std::string target;
  int traceparent_lines = 0;
  std::string traceparent;              // the last one
  std::vector<std::string> tracestate;  // at most TEXT_LINES_MAX, as `baggage`
  std::vector<std::string> baggage;
  int lost_lines = 0;
  uint64_t body_bytes = 0;
  bool complete = false;
  bool operator==(const Http1Message&) const = default;
};

enum class Http1Outcome { kBetween, kInside, kBad };

struct Http1Run {
  std::vector<Http1Message> messages;  // each whose head is complete
  Http1Outcome outcome = Http1Outcome::kBetween;
  bool operator==(const Http1Run&) const = default;
};

// One line for a failed test.
std::string to_string(const Http1Run& run);

}  // namespace weft::test
