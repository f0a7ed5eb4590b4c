// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/messages.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace weft::test {
namespace {

// Bytes that look like the end of a head and the start of another request: a framing error would show.
constexpr std::string_view kTreacherous = "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";

void append_body_bytes(std::string& out, Random& random, std::size_t n) {
  if (random.one_in(2)) {
    random.append_bytes(out, n);
    return;
  }
  for (std::size_t i = 0; i < n; i += kTreacherous.size())
    out.append(kTreacherous.substr(0, std::min(kTreacherous.size(), n - i)));
}

std::size_t body_size(Random& random, bool big) {
  if (big && random.one_in(12)) return random.below(4u << 20);
  return random.one_in(6) ? random.below(200'000) : random.below(2000);
}

void append_chunked(std::string& out, Random& random, bool big) {
  for (std::size_t n = random.below(5); n > 0; n--) {
    const std::size_t size = 1 + (random.one_in(4) ? body_size(random, big) : random.below(100));
    constexpr std::array extensions{"", ";a", " ; a=\"b;c\"; d", ";name=\"quoted \\\" pair\""};
    out += fmt::format("{:x}{}\r\n", size, extensions[random.below(extensions.size())]);
    append_body_bytes(out, random, size);
    out += "\r\n";
  }
  switch (random.below(3)) {
    case 0:
      out += "0\r\n\r\n";
      break;
    case 1:
      out += "000;last\r\n\r\n";
      break;
    default:
      out += "0\r\nTrailer-A: b\r\ntraceparent: in-a-trailer\r\n\r\n";
      break;
  }
}

void append_own_context(std::string& out, Random& random, const RequestShape& shape, Message& message) {
  constexpr std::array names{"traceparent", "TraceParent", "TRACEPARENT"};
  constexpr std::array separators{": ", ":", ":\t", ":  "};
  const bool known = !shape.known.empty() && !random.one_in(3);
  std::string value = known ? shape.known : random_traceparent(random);
  if (!known && random.one_in(5)) value.resize(random.below(value.size()));  // malformed: to be left alone all the same
  message.contexts++;
  message.known = known;
  message.any_known |= known;
  out +=
      fmt::format("{}{}{}\r\n", names[random.below(names.size())], separators[random.below(separators.size())], value);
}

void append_header(std::string& out, Random& random, const RequestShape& shape) {
  switch (random.below(6)) {
    case 0:
      out += fmt::format("X-Some-{}: {}, traceparent: no\r\n", random.below(99), random.next());
      break;
    case 1:
      out += "Empty:\r\n";
      break;
    case 2:
      out += "trace-parent: near miss\r\ntraceparentx: a\r\nbaggag: e\r\n";
      break;
    case 3:
      out += fmt::format("Accept:  */* \t\r\nX-Text: {}\r\n", "caf\xC3\xA9 \xFF");
      break;
    default:
      out += "Cookie: ";
      random.append_letters(out, 1 + random.below(shape.big_heads && random.one_in(3) ? 30'000 : 400));
      out += "\r\n";
  }
}

void append_fields(std::string& out, Random& random, const RequestShape& shape, Message& message) {
  const std::size_t headers = random.below(8);
  const std::size_t own_at = random.one_in(4) ? random.below(headers + 1) : headers + 1;
  const std::size_t state_at = own_at <= headers && random.one_in(2) ? random.below(headers + 1) : headers + 1;
  const std::size_t baggage_at = random.one_in(3) ? random.below(headers + 1) : headers + 1;
  for (std::size_t i = 0; i <= headers; i++) {
    if (i == own_at) {
      append_own_context(out, random, shape, message);
      if (random.one_in(15)) append_own_context(out, random, shape, message);
      if (message.contexts > 1) message.known = false;
    }
    if (i == state_at) {
      out += "tracestate: vendor=1,other@tenant=2\r\n";
      message.has_tracestate = true;
    }
    if (i == baggage_at) {
      out += random.one_in(2) ? "Baggage: k=" : "baggage:\tk=";
      random.append_letters(out, 1 + random.below(random.one_in(4) ? 1000 : 30));
      out += "\r\n";
      message.has_baggage = true;
    }
    if (i < headers) append_header(out, random, shape);
  }
}

void append_request(Stream& stream, Random& random, const RequestShape& shape) {
  std::string& out = stream.bytes;
  Message message{.begin = out.size()};
  const bool body = random.one_in(2);
  const bool chunked = body && random.one_in(3);
  const std::size_t length = body_size(random, shape.big_bodies);
  constexpr std::array with_body{"POST", "PUT", "PATCH", "DELETE"};
  constexpr std::array without_body{"GET", "GET", "GET", "HEAD", "OPTIONS", "DELETE"};
  const std::string_view method = body ? with_body[random.below(4)] : without_body[random.below(6)];
  message.head_method = method == "HEAD";
  const bool old_version = !chunked && random.one_in(25);
  out += fmt::format("{} /x/{}?{} HTTP/1.{}\r\nHost: localhost\r\n", method, stream.messages.size(),
                     random.below(1'000'000), old_version ? 0 : 1);
  if (old_version) out += "Connection: keep-alive\r\n";
  if (body && random.one_in(8) && !old_version) {
    out += "Expect: 100-continue\r\n";
    message.wants_continue = true;
  }
  append_fields(out, random, shape, message);
  if (chunked)
    out += random.one_in(2) ? "Transfer-Encoding: chunked\r\n" : "transfer-encoding:  CHUNKED \r\n";
  else if (body)
    out += fmt::format("content-length:{}{}\r\n", random.one_in(2) ? " " : "", length);
  else if (random.one_in(8))
    out += "Content-Length: 0\r\n";
  out += "\r\n";
  message.head_end = out.size();
  if (chunked)
    append_chunked(out, random, shape.big_bodies);
  else if (body)
    append_body_bytes(out, random, length);
  message.end = out.size();
  stream.messages.push_back(message);
}

void append_response(Stream& stream, Random& random, const Message& request) {
  std::string& out = stream.bytes;
  Message message{.begin = out.size()};
  if (request.wants_continue) out += "HTTP/1.1 100 Continue\r\n\r\n";
  if (random.one_in(20)) out += "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
  const bool bodiless = random.one_in(8);
  constexpr std::array statuses{"200 OK", "200 OK", "201 Created", "404 Not Found", "500 ", "418 "};
  out += fmt::format("HTTP/1.1 {}\r\n", bodiless ? (random.one_in(2) ? "204 No Content" : "304 Not Modified")
                                                 : statuses[random.below(statuses.size())]);
  for (std::size_t n = random.below(4); n > 0; n--) append_header(out, random, {});
  const std::size_t length = body_size(random, false);
  const bool chunked = !bodiless && random.one_in(3);
  if (chunked)
    out += "Transfer-Encoding: chunked\r\n";
  else if (!bodiless)
    out += fmt::format("Content-Length: {}\r\n", length);
  out += "\r\n";
  message.head_end = out.size();
  if (!request.head_method && chunked) append_chunked(out, random, false);
  if (!request.head_method && !chunked && !bodiless) append_body_bytes(out, random, length);
  message.end = out.size();
  stream.messages.push_back(message);
}

}  // namespace

std::string random_traceparent(Random& random) {
  std::string value = "00-1";  // never all zero
  random.append_hex(value, 31);
  value += "-1";
  random.append_hex(value, 15);
  return value + "-01";
}

Stream make_requests(Random& random, const RequestShape& shape, std::size_t bytes, std::size_t messages) {
  Stream stream;
  stream.bytes.reserve(bytes + (1u << 20));
  while (stream.bytes.size() < bytes && stream.messages.size() < messages) append_request(stream, random, shape);
  return stream;
}

Stream make_responses(Random& random, const Stream& requests) {
  Stream stream;
  for (const Message& request : requests.messages) append_response(stream, random, request);
  return stream;
}

}  // namespace weft::test
