// SPDX-License-Identifier: Apache-2.0
#include "support/http1_reference.h"

#include <algorithm>
#include <optional>

#include "wire/http1.h"

namespace weft::test {
namespace {

using std::string;

const size_t kNone = string::npos;
const char* kDigits = "0123456789";
const char* kTokenBytes =
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";  // RFC 9110, section 5.6.2

bool only(const string& text, const char* allowed) { return text.find_first_not_of(allowed) == kNone; }

// Bytes of 0x80 and more are no token bytes in the RFC.
bool is_token(const string& text) { return !text.empty() && only(text, kTokenBytes); }

bool has_control(const string& text, bool tab_is_fine) {
  return std::any_of(text.begin(), text.end(),
                     [&](char c) { return static_cast<uint8_t>(c) < 0x20 && !(c == '\t' && tab_is_fine); });
}

string lower(string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

// What is looked at again when the head is complete (wire/carriers.h): by the beginning of the name, so that it is
// cheap.
bool begins_as_carrier(const string& name) {
  for (const char* prefix : {"x-b3-", "uber-tra", "uberctx-", "x-trace-", "x-parent"})
    if (name.starts_with(prefix)) return true;
  return false;
}

string left_trimmed(const string& text) {
  const size_t first = text.find_first_not_of(" \t");
  return first == kNone ? "" : text.substr(first);
}

string trimmed(const string& text) {
  const string rest = left_trimmed(text);
  const size_t last = rest.find_last_not_of(" \t");
  return last == kNone ? "" : rest.substr(0, last + 1);
}

bool read_version(const string& text, Http1Message& message) {
  if (text == "HTTP/1.0") message.flags |= HTTP1_IS_10;
  return text == "HTTP/1.0" || text == "HTTP/1.1";
}

bool read_request_line(const string& line, Http1Message& message) {
  const size_t first = line.find(' '), last = line.rfind(' ');
  if (first == kNone || last < first + 2 || has_control(line, false)) return false;
  const string method = line.substr(0, first);
  if (!only(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") || method[0] < 'A' || method[0] > 'Z' || method.size() > 24)
    return false;
  const std::vector<string> known = {"", "GET", "HEAD", "POST", "CONNECT"};
  const auto found = std::find(known.begin(), known.end(), method);
  message.method = found == known.end() ? 0 : static_cast<int>(found - known.begin());
  message.target = line.substr(first + 1, last - first - 1);
  return read_version(line.substr(last + 1), message);
}

bool read_status_line(const string& line, Http1Message& message) {
  if (line.size() < 12 || has_control(line, true) || !read_version(line.substr(0, 8), message)) return false;
  const string code = line.substr(9, 3);
  if (line[8] != ' ' || !only(code, kDigits) || code[0] == '0' || (line.size() > 12 && line[12] != ' ')) return false;
  message.status = std::stoi(code);
  return true;
}

void keep_line(std::vector<string>& lines, const string& value, Http1Message& message) {
  if (lines.size() < TEXT_LINES_MAX)
    lines.push_back(value);
  else
    message.lost_lines++;
}

bool read_header(const string& line, Http1Message& message, uint64_t& length) {
  const size_t colon = line.find(':');
  if (colon == kNone || has_control(line, true) || !is_token(line.substr(0, 1))) return false;
  for (const char c : line.substr(0, colon))
    if (static_cast<uint8_t>(c) <= 0x20 || static_cast<uint8_t>(c) >= 0x80) return false;
  const string name = lower(line.substr(0, colon)), value = trimmed(line.substr(colon + 1));
  if (name == "traceparent") {
    message.traceparent_lines++;
    message.traceparent = value;
  } else if (name == "tracestate") {
    keep_line(message.tracestate, value, message);
  } else if (name == "baggage") {
    keep_line(message.baggage, value, message);
  } else if (name == "upgrade") {
    message.flags |= HTTP1_HAS_UPGRADE;
  } else if (name == "b3" || begins_as_carrier(name)) {
    message.flags |= HTTP1_HAS_CARRIERS;
  } else if (name == "content-length") {
    if (value.empty() || !only(value, kDigits) || (message.flags & (HTTP1_HAS_LENGTH | HTTP1_HAS_CODING))) return false;
    const string digits = value.substr(std::min(value.find_first_not_of('0'), value.size() - 1));
    if (digits.size() > 16) return false;
    length = std::stoull(digits);
    message.flags |= HTTP1_HAS_LENGTH;
    return length <= 1000000000000000ull;
  } else if (name == "transfer-encoding") {
    if (lower(value) != "chunked" || (message.flags & (HTTP1_HAS_LENGTH | HTTP1_HAS_CODING | HTTP1_IS_10)))
      return false;
    message.flags |= HTTP1_HAS_CODING;
  }
  return true;
}

enum class Part { kDone, kOpen, kBad };

// A line up to CRLF; `at` moves behind it.
std::optional<string> next_line(const string& text, size_t& at) {
  const size_t end = text.find("\r\n", at);
  if (end == kNone) return std::nullopt;
  const string line = text.substr(at, end - at);
  at = end + 2;
  return line;
}

Part read_chunks(const string& text, size_t& at, Http1Message& message) {
  for (;;) {
    const auto line = next_line(text, at);
    if (!line) return Part::kOpen;
    const size_t digits = std::min(line->find_first_not_of("0123456789abcdefABCDEF"), line->size());
    if (digits == 0 || digits > 11 || has_control(*line, true)) return Part::kBad;
    if (digits < line->size() && string("; \t").find((*line)[digits]) == kNone) return Part::kBad;
    const uint64_t size = std::stoull(line->substr(0, digits), nullptr, 16);
    if (size == 0) break;
    const uint64_t there = std::min<uint64_t>(size, text.size() - at);
    message.body_bytes += there;
    at += there;
    if (there < size || text.size() - at < 2)
      return there == size && at < text.size() && text[at] != '\r' ? Part::kBad : Part::kOpen;
    if (text.compare(at, 2, "\r\n") != 0) return Part::kBad;
    at += 2;
  }
  for (;;) {
    const auto line = next_line(text, at);
    if (!line) return Part::kOpen;
    if (line->empty()) return Part::kDone;
    if (has_control(*line, true) || !is_token(line->substr(0, 1))) return Part::kBad;
  }
}

Part read_body(const string& text, size_t& at, bool responses, int request_method, uint64_t length, Http1Message& m) {
  if (responses) {
    if (request_method == HTTP1_METHOD_HEAD || m.status < 200 || m.status == 204 || m.status == 304) return Part::kDone;
    if (request_method == HTTP1_METHOD_CONNECT && m.status < 300) return Part::kDone;
  }
  if (m.flags & HTTP1_HAS_CODING) return read_chunks(text, at, m);
  if (!(m.flags & HTTP1_HAS_LENGTH) && responses) {
    m.body_bytes = text.size() - at;
    at = text.size();
    return Part::kOpen;
  }
  m.body_bytes = std::min<uint64_t>(length, text.size() - at);
  at += m.body_bytes;
  return m.body_bytes == length ? Part::kDone : Part::kOpen;
}

Part read_head(const string& text, size_t& at, bool responses, Http1Message& message, uint64_t& length) {
  const size_t start = at, end = text.find("\r\n\r\n", at);
  if (end == kNone) return Part::kOpen;
  const string first = *next_line(text, at);
  if (!(responses ? read_status_line(first, message) : read_request_line(first, message))) return Part::kBad;
  while (at < end + 2)
    if (!read_header(*next_line(text, at), message, length)) return Part::kBad;
  at = end + 4;
  message.head_bytes = at - start;
  return Part::kDone;
}

}  // namespace

Http1Run reference_http1(const string& text, bool responses, int request_method) {
  Http1Run run;
  size_t at = 0;
  while (at < text.size()) {
    Http1Message message;
    uint64_t length = 0;
    Part part = read_head(text, at, responses, message, length);
    if (part == Part::kDone) {
      part = read_body(text, at, responses, request_method, length, message);
      message.complete = part == Part::kDone;
      run.messages.push_back(message);
    }
    if (part == Part::kDone) continue;
    run.outcome = part == Part::kBad ? Http1Outcome::kBad : Http1Outcome::kInside;
    return run;
  }
  return run;
}

bool reference_http1_can_continue(const string& text, bool responses, int request_method) {
  const auto finished = [](const Http1Run& run) {
    return std::count_if(run.messages.begin(), run.messages.end(), [](const auto& m) { return m.complete; });
  };
  const auto before = finished(reference_http1(text, responses, request_method));
  for (const char* end :
       {"\r\n\r\n", "\n\r\n", "\n", ": 0\r\n\r\n", "x: y\r\n\r\n", "0\r\n\r\n", "\r\n0\r\n\r\n", "\n0\r\n\r\n",
        " HTTP/1.1\r\n\r\n", " / HTTP/1.1\r\n\r\n", "1\r\n\r\n", " 204 x\r\n\r\n", "TTP/1.1 204\r\n\r\n"}) {
    const Http1Run run = reference_http1(text + end, responses, request_method);
    if (run.outcome == Http1Outcome::kBetween && finished(run) > before) return true;
  }
  return false;
}

string to_string(const Http1Run& run) {
  const char* names[] = {"between", "inside", "bad"};
  string text = names[static_cast<int>(run.outcome)];
  for (const Http1Message& m : run.messages) {
    text += " {method " + std::to_string(m.method) + " status " + std::to_string(m.status) + " flags " +
            std::to_string(m.flags) + " head " + std::to_string(m.head_bytes) + " body " +
            std::to_string(m.body_bytes) + (m.complete ? " complete" : " open") + " target '" + m.target +
            "' traceparent " + std::to_string(m.traceparent_lines) + " '" + m.traceparent + "' tracestate";
    for (const string& line : m.tracestate) text += " '" + line + "'";
    text += " baggage";
    for (const string& line : m.baggage) text += " '" + line + "'";
    text += " lost " + std::to_string(m.lost_lines) + "}";
  }
  return text;
}

}  // namespace weft::test
