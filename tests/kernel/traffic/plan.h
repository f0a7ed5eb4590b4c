// SPDX-License-Identifier: Apache-2.0
// What one run of `roundtrip` does. Sender and receiver are two processes that make the same plan from the same seed.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "support/traffic/messages.h"
#include "support/traffic/sender.h"

namespace weft::test {

enum class Answers { none, one_by_one, pipelined };

struct RunOptions {
  std::uint64_t seed = 1;
  std::uint64_t bytes = 8u << 20;  // stop starting connections after so many
  std::uint64_t first_connection = 0;
  std::uint64_t connections = 1'000'000;  // at most
  std::uint64_t connection_bytes = 3u << 20;
  std::uint64_t connection_requests = 400;
  unsigned timeout_s = 120;
  bool wait = false;           // print "ready PID", go on at a line on stdin
  bool early = false;          // … with one connection open and two exchanges done (needs answers)
  bool stop_on_input = false;  // a line on stdin ends the run at the next connection
  std::string mix_text;

  SendMix send;
  RequestShape shape;
  Answers answers = Answers::none;
  bool tiny_buffers = false;  // small send buffer
  bool nonblocking = false;
  bool slow_reader = false;
  bool varied_reads = false;
  bool serve = false;  // the sender works on a request that it received, on the same thread
  bool ipv6 = false;
  bool http2 = false;  // … instead of HTTP/1.1; nobody answers
};

// Comma separated words; the error names the wrong one and the known ones.
std::expected<void, std::string> parse_mix(const std::string& text, RunOptions& options);

struct Plan {
  Stream requests;
  Stream responses;           // empty without answers
  std::string known;          // traceparent that the sender receives first; empty without `serve`
  int send_buffer_bytes = 0;  // 0 = default
};
Plan make_plan(const RunOptions& options, std::uint64_t connection);

}  // namespace weft::test
