// SPDX-License-Identifier: Apache-2.0
// One line for each rule about B3, Jaeger and X-Trace-ID (docs/formats/propagation.md), and the reference on many
// heads.
#include <doctest/doctest.h>

#include <cstring>

#include "support/context_cases.h"

namespace weft::test {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c", kSpan = "b7ad6b7169203331", kParent = "00f067aa0ba902b7";
const std::string kShort = "8448eb211c80319c", kPadded = std::string(16, '0') + kShort;
const std::string kZeros(32, '0');

struct Rule {
  const char* rule;
  std::vector<std::string> lines;
  ReadContext expected;
};

ReadContext ok(const std::string& trace, const std::string& parent, char decision, bool opaque = false) {
  return {CONTEXT_OK, trace, parent, decision, opaque};
}
const ReadContext kMalformed{.result = CONTEXT_MALFORMED}, kZero{.result = CONTEXT_ZERO_ID}, kAbsent{};
ReadContext only(char decision) { return {.result = CONTEXT_SAMPLING_ONLY, .decision = decision}; }

void check(context_format format, const std::vector<Rule>& rules) {
  ContextReader reader;
  for (const Rule& rule : rules) {
    CAPTURE(rule.rule);
    const std::string head = request_head(rule.lines);
    const ReadContext got = reader.read(head, format);
    CHECK_MESSAGE(got == rule.expected, to_string(got), " instead of ", to_string(rule.expected));
    CHECK(reference_context(head, format) == rule.expected);
  }
}

}  // namespace

TEST_CASE("b3: the table of rules") {
  const auto b3 = [](const std::string& value) { return std::vector<std::string>{"b3: " + value}; };
  check(FORMAT_B3, {
                       {"sampled", b3(kTrace + "-" + kSpan + "-1"), ok(kTrace, kSpan, '1')},
                       {"not sampled", b3(kTrace + "-" + kSpan + "-0"), ok(kTrace, kSpan, '0')},
                       {"debug is sampled", b3(kTrace + "-" + kSpan + "-d"), ok(kTrace, kSpan, '1')},
                       {"deferred", b3(kTrace + "-" + kSpan), ok(kTrace, kSpan, '?')},
                       {"with a parent", b3(kTrace + "-" + kSpan + "-1-" + kParent), ok(kTrace, kSpan, '1')},
                       {"64 bits", b3(kShort + "-" + kSpan + "-1"), ok(kPadded, kSpan, '1')},
                       {"deny", b3("0"), only('0')},
                       {"accept", b3("1"), only('1')},
                       {"debug alone", b3("d"), only('1')},
                       {"name in capitals, no space", {"B3:" + kTrace + "-" + kSpan + "-1"}, ok(kTrace, kSpan, '1')},
                       {"white space around", b3(" \t" + kTrace + "-" + kSpan + "-1 \t"), ok(kTrace, kSpan, '1')},
                       {"absent", {"b33: 0", "xb3: 1"}, kAbsent},
                       {"empty", b3(""), kMalformed},
                       {"unknown state", b3(kTrace + "-" + kSpan + "-2"), kMalformed},
                       {"state of two bytes", b3(kTrace + "-" + kSpan + "-01"), kMalformed},
                       {"empty state", b3(kTrace + "-" + kSpan + "-"), kMalformed},
                       {"parent without state", b3(kTrace + "-" + kSpan + "-" + kParent), kMalformed},
                       {"short parent", b3(kTrace + "-" + kSpan + "-1-1"), kMalformed},
                       {"five fields", b3(kTrace + "-" + kSpan + "-1-" + kParent + "-1"), kMalformed},
                       {"upper case", b3("0AF7651916CD43DD8448EB211C80319C-" + kSpan + "-1"), kMalformed},
                       {"31 digits", b3(kTrace.substr(1) + "-" + kSpan + "-1"), kMalformed},
                       {"33 digits", b3("0" + kTrace + "-" + kSpan + "-1"), kMalformed},
                       {"short span", b3(kTrace + "-" + kSpan.substr(1) + "-1"), kMalformed},
                       {"trace alone", b3(kTrace), kMalformed},
                       {"no hex", b3("g" + kTrace.substr(1) + "-" + kSpan + "-1"), kMalformed},
                       {"a space inside", b3(kTrace + " -" + kSpan + "-1"), kMalformed},
                       {"zero trace", b3(kZeros + "-" + kSpan + "-1"), kZero},
                       {"zero span", b3(kTrace + "-" + kZeros.substr(16) + "-1"), kZero},
                       {"twice", {"b3: 0", "b3: " + kTrace + "-" + kSpan + "-1"}, kMalformed},
                   });
}

TEST_CASE("X-B3-*: the table of rules") {
  const std::string trace = "X-B3-TraceId: " + kTrace, span = "X-B3-SpanId: " + kSpan;
  check(FORMAT_B3MULTI, {
                            {"sampled", {trace, span, "X-B3-Sampled: 1"}, ok(kTrace, kSpan, '1')},
                            {"not sampled", {trace, span, "X-B3-Sampled: 0"}, ok(kTrace, kSpan, '0')},
                            {"true", {trace, span, "X-B3-Sampled: true"}, ok(kTrace, kSpan, '1')},
                            {"false", {trace, span, "X-B3-Sampled: false"}, ok(kTrace, kSpan, '0')},
                            {"debug", {trace, span, "X-B3-Flags: 1"}, ok(kTrace, kSpan, '1')},
                            {"debug wins", {trace, span, "X-B3-Flags: 1", "X-B3-Sampled: 0"}, ok(kTrace, kSpan, '1')},
                            {"flags 0 say nothing", {trace, span, "X-B3-Flags: 0"}, ok(kTrace, kSpan, '?')},
                            {"deferred", {trace, span}, ok(kTrace, kSpan, '?')},
                            {"the parent is ignored", {trace, "X-B3-ParentSpanId: junk", span}, ok(kTrace, kSpan, '?')},
                            {"64 bits", {"x-b3-traceid: " + kShort, span}, ok(kPadded, kSpan, '?')},
                            {"any order, any case",
                             {"x-b3-SPANID:" + kSpan, "X-B3-SAMPLED:1", "x-b3-traceid:" + kTrace},
                             ok(kTrace, kSpan, '1')},
                            {"deny alone", {"X-B3-Sampled: 0"}, only('0')},
                            {"accept alone", {"X-B3-Sampled: 1"}, only('1')},
                            {"debug alone", {"X-B3-Flags: 1"}, only('1')},
                            {"absent", {"X-B3-Other: 1", "x-b3: 1"}, kAbsent},
                            {"unknown state", {trace, span, "X-B3-Sampled: 2"}, kMalformed},
                            {"unknown state alone", {"X-B3-Sampled: yes"}, kMalformed},
                            {"no span", {trace, "X-B3-Sampled: 1"}, kMalformed},
                            {"no trace", {span, "X-B3-Sampled: 1"}, kMalformed},
                            {"trace twice", {trace, trace, span}, kMalformed},
                            {"span twice", {trace, span, span}, kMalformed},
                            {"state twice", {trace, span, "X-B3-Sampled: 1", "X-B3-Sampled: 1"}, kMalformed},
                            {"upper case", {"X-B3-TraceId: 0AF7651916CD43DD8448EB211C80319C", span}, kMalformed},
                            {"two fields", {"X-B3-TraceId: " + kTrace + "-1", span}, kMalformed},
                            {"15 digits", {trace, "X-B3-SpanId: " + kSpan.substr(1)}, kMalformed},
                            {"zero trace", {"X-B3-TraceId: " + kZeros, span}, kZero},
                            {"zero span", {trace, "X-B3-SpanId: " + kZeros.substr(16)}, kZero},
                        });
}

TEST_CASE("uber-trace-id: the table of rules") {
  const auto uber = [](const std::string& value) { return std::vector<std::string>{"uber-trace-id: " + value}; };
  check(FORMAT_JAEGER,
        {
            {"sampled", uber(kTrace + ":" + kSpan + ":0:1"), ok(kTrace, kSpan, '1')},
            {"not sampled", uber(kTrace + ":" + kSpan + ":0:0"), ok(kTrace, kSpan, '0')},
            {"debug", uber(kTrace + ":" + kSpan + ":0:2"), ok(kTrace, kSpan, '1')},
            {"two digits of flags", uber(kTrace + ":" + kSpan + ":0:03"), ok(kTrace, kSpan, '1')},
            {"firehose is not sampled", uber(kTrace + ":" + kSpan + ":0:8"), ok(kTrace, kSpan, '0')},
            {"a parent", uber(kTrace + ":" + kSpan + ":" + kParent + ":1"), ok(kTrace, kSpan, '1')},
            {"left-padded", uber("7b:1c8:0:1"), ok(std::string(30, '0') + "7b", std::string(13, '0') + "1c8", '1')},
            {"64 bits", uber(kShort + ":" + kSpan + ":0:1"), ok(kPadded, kSpan, '1')},
            {"upper case", uber("0AF7651916CD43DD8448EB211C80319C:B7AD6B7169203331:0:1"), ok(kTrace, kSpan, '1')},
            {"percent-encoded", uber(kTrace + "%3A" + kSpan + "%3a0%3A1"), ok(kTrace, kSpan, '1')},
            {"absent", {"uber-trace: 1", "uber-trace-idx: 2"}, kAbsent},
            {"empty", uber(""), kMalformed},
            {"three fields", uber(kTrace + ":" + kSpan + ":1"), kMalformed},
            {"five fields", uber(kTrace + ":" + kSpan + ":0:1:1"), kMalformed},
            {"no parent", uber(kTrace + ":" + kSpan + "::1"), kMalformed},
            {"no flags", uber(kTrace + ":" + kSpan + ":0:"), kMalformed},
            {"three digits of flags", uber(kTrace + ":" + kSpan + ":0:001"), kMalformed},
            {"33 digits", uber("1" + kTrace + ":" + kSpan + ":0:1"), kMalformed},
            {"17 digits", uber(kTrace + ":1" + kSpan + ":0:1"), kMalformed},
            {"no hex", uber("x" + kTrace.substr(1) + ":" + kSpan + ":0:1"), kMalformed},
            {"another escape", uber(kTrace + "%3B" + kSpan + ":0:1"), kMalformed},
            {"zero trace", uber("0:" + kSpan + ":0:1"), kZero},
            {"zero span", uber(kTrace + ":0:0:1"), kZero},
            {"twice", {"uber-trace-id: 1:1:0:1", "uber-trace-id: 1:1:0:1"}, kMalformed},
        });
}

TEST_CASE("X-Trace-ID: the table of rules") {
  const auto x = [](const std::string& value) { return std::vector<std::string>{"X-Trace-ID: " + value}; };
  const std::string none(16, '0');
  // FNV-1a 64 of "order-4711", and of it with 0x01 behind.
  const std::string derived = "e1e9ab68fdda093dba177f67597db0f4";
  check(FORMAT_XTRACEID,
        {
            {"32 digits are the trace id", x(kTrace), ok(kTrace, none, '?')},
            {"upper case", x("0AF7651916CD43DD8448EB211C80319C"), ok(kTrace, none, '?')},
            {"a parent", {"X-Trace-ID: " + kTrace, "X-Parent-ID: " + kSpan}, ok(kTrace, kSpan, '?')},
            {"a parent that is none", {"X-Trace-ID: " + kTrace, "X-Parent-ID: 12"}, ok(kTrace, none, '?')},
            {"two parents are none",
             {"X-Trace-ID: " + kTrace, "X-Parent-ID: " + kSpan, "X-Parent-ID: " + kSpan},
             ok(kTrace, none, '?')},
            {"opaque", x("order-4711"), ok(derived, none, '?', true)},
            {"eight bytes", x("12345678"), reference_context(request_head(x("12345678")), FORMAT_XTRACEID)},
            {"seven bytes", x("1234567"), kMalformed},
            {"128 bytes", x(std::string(128, 'q')),
             reference_context(request_head(x(std::string(128, 'q'))), FORMAT_XTRACEID)},
            {"129 bytes", x(std::string(129, 'q')), kMalformed},
            {"not printable", x("caf\xC3\xA9 con leche"), kMalformed},
            {"a tab inside", x("order\t4711"), kMalformed},
            {"zero", x(kZeros), kZero},
            {"empty", x(""), kMalformed},
            {"twice", {"X-Trace-ID: " + kTrace, "X-Trace-ID: " + kTrace}, kMalformed},
            {"a parent alone", {"X-Parent-ID: " + kSpan}, kAbsent},
        });
}

TEST_CASE("what is written is read again") {
  Random random(4);
  ContextReader reader;
  for (int i = 0; i < 2000; i++) {
    alignas(8) __u8 trace[16], span[8], out[64];
    for (__u8& byte : trace) byte = static_cast<__u8>(random());
    for (__u8& byte : span) byte = static_cast<__u8>(random());
    trace[0] |= 1, span[0] |= 1;
    const __u8 flags = random() % 4;
    const auto text = [&](size_t bytes) { return std::string(reinterpret_cast<char*>(out), bytes); };
    b3_format(out, trace, span, flags);
    const std::string b3 = text(B3_BYTES);
    jaeger_format(out, trace, span, flags);
    const std::string jaeger = text(JAEGER_BYTES);
    traceparent_format(out, trace, span, flags);
    const ReadContext expected =
        reader.read(request_head({"traceparent: " + text(TRACEPARENT_BYTES)}), FORMAT_TRACECONTEXT);
    REQUIRE(expected.result == CONTEXT_OK);
    REQUIRE(reader.read(request_head({"b3: " + b3}), FORMAT_B3) == expected);
    REQUIRE(reader.read(request_head({"uber-trace-id: " + jaeger}), FORMAT_JAEGER) == expected);
  }
}

TEST_CASE("60,000 random heads give what the reference gives") {
  Random random(6);
  ContextReader reader;
  int read[FORMAT_IDS] = {};
  for (int i = 0; i < 60000; i++) {
    const std::string head = random_head(random);
    CAPTURE(head);
    reader.scan(head);
    for (int format = 0; format < FORMAT_IDS; format++) {
      const auto which = static_cast<context_format>(format);
      const ReadContext got = reader.read(which), expected = reference_context(head, which);
      CAPTURE(format);
      REQUIRE_MESSAGE(got == expected, to_string(got), " instead of ", to_string(expected));
      read[format] += got.result == CONTEXT_OK;
    }
  }
  for (const int count : read) CHECK(count > 300);
}

TEST_CASE("carriers: every line, in order, and only whole ones") {
  ContextReader reader;
  const std::string head =
      request_head({"Host: a", "uberctx-User:  ann \t", "baggage: k=v", "tracestate:", "UBERCTX-b:c", "b3: 0"});
  reader.scan(head);
  const carriers& c = reader.found();
  REQUIRE(c.count == 5);
  const int kinds[] = {CARRIER_UBER_BAGGAGE, CARRIER_BAGGAGE, CARRIER_TRACESTATE, CARRIER_UBER_BAGGAGE, CARRIER_B3};
  const char* values[] = {"ann", "k=v", "", "c", "0"};
  for (int i = 0; i < 5; i++) {
    CHECK(c.line[i].carrier == kinds[i]);
    CHECK(head.substr(c.line[i].start, c.line[i].end - c.line[i].start) == values[i]);
  }
  CHECK(c.lines[CARRIER_UBER_BAGGAGE] == 2);
  for (size_t cut = 0; cut < head.size(); cut++) {
    carriers part{};
    carriers_scan(reader.text().text(), static_cast<__u32>(cut), &part);
    for (int i = 0; i < part.count; i++) CHECK(part.line[i].end + 2u <= cut + 2u);
  }
  std::vector<std::string> many(40, "uberctx-k: v");
  reader.scan(request_head(many));
  CHECK(reader.found().count == CARRIER_LINES_MAX);
  CHECK(reader.found().more == 1);
  CHECK(reader.found().lines[CARRIER_UBER_BAGGAGE] == 255);
}

}  // namespace weft::test
