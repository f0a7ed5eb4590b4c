// SPDX-License-Identifier: Apache-2.0
#include "support/context_cases.h"

#include <algorithm>
#include <cstdint>
#include <map>

namespace weft::test {
namespace {

using std::string;
using std::vector;

const char* kLowerHex = "0123456789abcdef";
const char* kHex = "0123456789abcdefABCDEF";

string hex(const __u8* bytes, size_t count) {
  string text;
  for (size_t i = 0; i < count; i++) (text += kLowerHex[bytes[i] >> 4]) += kLowerHex[bytes[i] & 15];
  return text;
}
bool only(const string& text, const char* allowed) { return text.find_first_not_of(allowed) == string::npos; }
bool zero(const string& text) { return only(text, "0"); }
string lower(string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}
string trimmed(const string& text) {
  const size_t first = text.find_first_not_of(" \t");
  return first == string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}
string padded(const string& text, size_t digits) { return string(digits - text.size(), '0') + text; }

vector<string> split(const string& text, char separator) {
  vector<string> parts(1);
  for (const char c : text) c == separator ? parts.emplace_back() : parts.back() += c, void();
  return parts;
}

using Headers = std::multimap<string, string>;
Headers headers_of(const string& head) {
  Headers headers;
  for (size_t at = head.find("\r\n") + 2;;) {
    const size_t end = head.find("\r\n", at);
    if (end == string::npos || end == at) return headers;
    const string line = head.substr(at, end - at);
    headers.emplace(lower(line.substr(0, line.find(':'))), trimmed(line.substr(line.find(':') + 1)));
    at = end + 2;
  }
}

const ReadContext kMalformed{.result = CONTEXT_MALFORMED};

ReadContext with_ids(const string& trace, const string& parent, char decision) {
  ReadContext context{CONTEXT_OK, padded(lower(trace), 32), padded(lower(parent), 16), decision};
  if (zero(trace) || zero(parent)) return {.result = CONTEXT_ZERO_ID};
  return context;
}

ReadContext single_b3(const string& value) {
  const auto parts = split(value, '-');
  const auto decision = [](const string& state) {
    return state == "1" || state == "d" ? '1' : state == "0" ? '0' : 'x';
  };
  if (parts.size() == 1 && decision(value) != 'x')
    return {.result = CONTEXT_SAMPLING_ONLY, .decision = decision(value)};
  if (parts.size() < 2 || parts.size() > 4 || !only(value, "0123456789abcdef-")) return kMalformed;
  if ((parts[0].size() != 16 && parts[0].size() != 32) || parts[1].size() != 16) return kMalformed;
  if (parts.size() > 2 && decision(parts[2]) == 'x') return kMalformed;
  if (parts.size() > 3 && parts[3].size() != 16) return kMalformed;
  return with_ids(parts[0], parts[1], parts.size() > 2 ? decision(parts[2]) : '?');
}

ReadContext multi_b3(const Headers& headers) {
  const auto value = [&](const char* name) {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : std::prev(headers.upper_bound(name))->second;
  };
  const string sampled = value("x-b3-sampled");
  const bool debug = value("x-b3-flags") == "1";
  char decision = sampled.empty() ? '?' : sampled == "0" || sampled == "false" ? '0' : '1';
  if (debug) decision = '1';
  const vector<string> allowed = {"", "0", "1", "d", "true", "false"};
  const bool known = debug || std::find(allowed.begin(), allowed.end(), sampled) != allowed.end();
  if (!headers.contains("x-b3-traceid") && !headers.contains("x-b3-spanid")) {
    if (!known) return kMalformed;
    if (decision == '?') return {};
    return {.result = CONTEXT_SAMPLING_ONLY, .decision = decision};
  }
  for (const char* name : {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"})
    if (headers.count(name) > 1) return kMalformed;
  const string trace = value("x-b3-traceid"), span = value("x-b3-spanid");
  if ((trace.size() != 16 && trace.size() != 32) || span.size() != 16 || !only(trace + span, kLowerHex) || !known)
    return kMalformed;
  return with_ids(trace, span, decision);
}

ReadContext jaeger(string value) {
  for (const char* encoded : {"%3A", "%3a"})
    for (size_t at; (at = value.find(encoded)) != string::npos;) value.replace(at, 3, ":");
  const auto parts = split(value, ':');
  if (parts.size() != 4) return kMalformed;
  const size_t most[] = {32, 16, 16, 2};
  for (size_t i = 0; i < 4; i++)
    if (parts[i].empty() || parts[i].size() > most[i] || !only(parts[i], kHex)) return kMalformed;
  return with_ids(parts[0], parts[1], std::stoi(parts[3], nullptr, 16) & 3 ? '1' : '0');
}

uint64_t fnv1a(const string& bytes) {
  uint64_t sum = 14695981039346656037u;
  for (const char c : bytes) sum = (sum ^ static_cast<uint8_t>(c)) * 1099511628211u;
  return sum;
}

string number(uint64_t value) {
  string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kLowerHex[value >> shift & 15];
  return text;
}

ReadContext x_trace_id(const Headers& headers) {
  const string value = headers.find("x-trace-id")->second;
  ReadContext context{.result = CONTEXT_OK, .trace_id = value, .parent_id = string(16, '0')};
  if (value.size() == 32 && only(value, kHex)) {
    if (zero(value)) return {.result = CONTEXT_ZERO_ID};
    context.trace_id = lower(value);
  } else {
    if (value.size() < 8 || value.size() > 128) return kMalformed;
    for (const char c : value)
      if (c < 0x20 || c > 0x7e) return kMalformed;
    context.trace_id = number(fnv1a(value)) + number(fnv1a(value + '\x01'));
    context.opaque = true;
  }
  const auto parent = headers.find("x-parent-id");
  if (headers.count("x-parent-id") == 1 && parent->second.size() == 16 && only(parent->second, kHex))
    context.parent_id = lower(parent->second);
  return context;
}

ReadContext trace_parent(const string& value) {
  const auto parts = split(value, '-');
  if (value.size() < 55 || parts.size() < 4 || parts[0].size() != 2 || parts[1].size() != 32 || parts[2].size() != 16 ||
      parts[3].size() != 2 || !only(parts[0] + parts[1] + parts[2] + parts[3], kLowerHex))
    return kMalformed;
  if (parts[0] == "ff" || (parts[0] == "00" && value.size() != 55)) return kMalformed;
  return with_ids(parts[1], parts[2], std::stoi(parts[3], nullptr, 16) & 1 ? '1' : '0');
}

string hex_text(Random& random, size_t digits) {
  string text;
  while (text.size() < digits) text += kLowerHex[random() % 16];
  return random() % 12 == 0 ? string(digits, '0') : text;
}

string random_value(Random& random, int kind) {
  const string trace = hex_text(random, random() % 3 ? 32 : 16), span = hex_text(random, 16);
  const vector<string> states = {"0", "1", "d", "", "true", "false", "2", "x"};
  const string state = states[random() % states.size()];
  switch (kind) {
    case 0:
      return trace + "-" + span + (random() % 3 ? "-" + state : "") + (random() % 4 ? "" : "-" + hex_text(random, 16));
    case 1:
      return state;
    case 2: {
      const string colon = random() % 5 ? ":" : "%3A";
      return hex_text(random, 1 + random() % 32) + colon + hex_text(random, 1 + random() % 16) + colon + "0" + colon +
             state;
    }
    case 3:
      return trace;
    case 4:
      return span;
    default:
      return "00-" + hex_text(random, 32) + "-" + span + "-01";
  }
}

}  // namespace

string to_string(const ReadContext& c) {
  return std::to_string(c.result) + " " + c.trace_id + " " + c.parent_id + " " + c.decision +
         (c.opaque ? " opaque" : "");
}

ReadContext reference_context(const string& head, context_format format) {
  const Headers headers = headers_of(head);
  const std::map<context_format, const char*> single = {{FORMAT_TRACECONTEXT, "traceparent"},
                                                        {FORMAT_B3, "b3"},
                                                        {FORMAT_JAEGER, "uber-trace-id"},
                                                        {FORMAT_XTRACEID, "x-trace-id"}};
  if (format == FORMAT_B3MULTI) return multi_b3(headers);
  const char* name = single.at(format);
  if (headers.count(name) == 0) return {};
  if (headers.count(name) > 1) return kMalformed;
  const string value = headers.find(name)->second;
  if (format == FORMAT_TRACECONTEXT) return trace_parent(value);
  if (format == FORMAT_B3) return single_b3(value);
  if (format == FORMAT_JAEGER) return jaeger(value);
  return x_trace_id(headers);
}

string request_head(const vector<string>& lines) {
  string head = "GET /uberctx-x HTTP/1.1\r\n";
  for (const string& line : lines) head += line + "\r\n";
  return head + "\r\n";
}

string random_head(Random& random) {
  const vector<string> names = {"b3",           "B3",          "X-B3-TraceId",  "x-b3-spanid",   "X-B3-ParentSpanId",
                                "X-B3-Sampled", "x-b3-flags",  "uber-trace-id", "Uber-Trace-Id", "X-Trace-ID",
                                "x-parent-id",  "traceparent", "Host",          "uberctx-k",     "x-b3-other",
                                "b33"};
  const vector<int> kinds = {0, 0, 3, 4, 4, 1, 1, 2, 2, 3, 4, 5, 1, 1, 1, 0};
  const vector<string> spaces = {"", " ", " ", " ", "  ", "\t"};
  vector<string> lines;
  for (size_t i = random() % 8; i > 0; i--) {
    const size_t which = random() % names.size();
    string value = random_value(random, random() % 12 ? kinds[which] : static_cast<int>(random() % 6));
    if (random() % 6 == 0 && !value.empty()) {
      const string odd = "gGA-:% ~\t\x80zZ";
      value[random() % value.size()] = odd[random() % odd.size()];
    }
    if (random() % 10 == 0) value = value.substr(0, random() % (value.size() + 1));
    lines.push_back(names[which] + ":" + spaces[random() % spaces.size()] + value + spaces[random() % spaces.size()]);
  }
  return request_head(lines);
}

ReadContext to_context(int result, const traceparent& read) {
  ReadContext context{.result = result};
  if (result == CONTEXT_OK) {
    context.trace_id = hex(read.trace_id, 16);
    context.parent_id = hex(read.parent_id, 8);
    context.opaque = read.opaque;
  }
  if (result == CONTEXT_OK || result == CONTEXT_SAMPLING_ONLY)
    context.decision = read.undecided ? '?' : read.flags & TRACE_FLAG_SAMPLED ? '1' : '0';
  return context;
}

void ContextReader::scan(const string& head) {
  text_.place_whole(head);
  carriers_scan(text_.text(), static_cast<__u32>(head.size()), &carriers_);
}

ReadContext ContextReader::read(context_format format) {
  traceparent read{};
  const int result = context_read(text_.text(), &carriers_, format, &fields_, &read);
  return to_context(result, read);
}

}  // namespace weft::test
