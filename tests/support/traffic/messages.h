// SPDX-License-Identifier: Apache-2.0
// Random, well-formed HTTP/1.1 messages (RFC 9112) of every framing, and where each of them lies in the stream.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "support/traffic/random.h"

namespace weft::test {

struct Message {
  std::size_t begin = 0;
  std::size_t head_end = 0;  // behind the blank line
  std::size_t end = 0;       // behind the body
  int contexts = 0;          // traceparent lines the application wrote itself
  bool known = false;        // … one of them, and it is the one this process received (a proxy forwards)
  bool any_known = false;    // at least one of several is; the message is invalid, but the value may be replaced
  bool has_tracestate = false;
  bool has_baggage = false;
  bool head_method = false;  // answered without a body
  bool wants_continue = false;
};

struct Stream {
  std::string bytes;
  std::vector<Message> messages;
};

struct RequestShape {
  bool big_heads = false;   // now and then up to 30 KB of header fields
  bool big_bodies = false;  // now and then up to 4 MB
  std::string known;        // traceparent that the process has received; empty = none
};

// Whole requests, about `bytes` in all, at most `messages` of them.
Stream make_requests(Random& random, const RequestShape& shape, std::size_t bytes, std::size_t messages);

// One answer for each request, in order: all framings, interim answers, HEAD and 204/304 without a body.
Stream make_responses(Random& random, const Stream& requests);

// 00-<32>-<16>-01 with random ids.
std::string random_traceparent(Random& random);

}  // namespace weft::test
