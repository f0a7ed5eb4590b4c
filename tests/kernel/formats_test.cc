// SPDX-License-Identifier: Apache-2.0
// Propagation formats on live sockets, exact bytes: every format in and out, forwarded contexts, baggage that is
// rewritten on its way out.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "kernel/formats_scene.h"
#include "wire/events.h"

namespace weft::test {
namespace {

using enum ContextFormat;
using Lines = std::vector<std::string>;

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c", kSpan = "b7ad6b7169203331";
const std::string kShort = "8448eb211c80319c", kPadded = std::string(16, '0') + kShort, kNone(16, '0');

// What comes in, and what the server exchange has to make of it.
struct Incoming {
  const char* name;
  Lines lines;
  std::string trace;  // "" = a new one
  std::string parent;
  bool sampled = true;
};

const std::vector<Incoming>& incoming() {
  static const std::vector<Incoming> all{
      {"nothing", {}, "", kNone},
      {"tracecontext", {"traceparent: 00-" + kTrace + "-" + kSpan + "-01"}, kTrace, kSpan},
      {"tracecontext, not sampled", {"Traceparent: 00-" + kTrace + "-" + kSpan + "-00"}, kTrace, kSpan, false},
      {"b3", {"b3: " + kTrace + "-" + kSpan + "-1"}, kTrace, kSpan},
      {"b3, 64 bits, with a parent", {"B3: " + kShort + "-" + kSpan + "-1-" + kSpan}, kPadded, kSpan},
      {"b3, not sampled", {"b3: " + kTrace + "-" + kSpan + "-0"}, kTrace, kSpan, false},
      {"b3, deny", {"b3: 0"}, "", kNone, false},
      {"b3multi", {"X-B3-TraceId: " + kTrace, "X-B3-SpanId: " + kSpan, "X-B3-Sampled: 1"}, kTrace, kSpan},
      {"b3multi, deferred", {"X-B3-SpanId: " + kSpan, "X-B3-TraceId: " + kTrace}, kTrace, kSpan},
      {"b3multi, deny", {"X-B3-Sampled: 0"}, "", kNone, false},
      {"jaeger", {"uber-trace-id: " + kTrace + ":" + kSpan + ":0:1"}, kTrace, kSpan},
      {"jaeger, not sampled", {"uber-trace-id: " + kShort + ":" + kSpan + ":0:0"}, kPadded, kSpan, false},
      {"xtraceid", {"X-Trace-ID: " + kTrace, "X-Parent-ID: " + kSpan}, kTrace, kSpan},
      {"xtraceid, opaque", {"X-Trace-ID: order-4711"}, "e1e9ab68fdda093dba177f67597db0f4", kNone},
      {"all: the first that parses",
       {"uber-trace-id: 1:1:0:0", "b3: x", "X-B3-TraceId: " + kTrace, "X-B3-SpanId: " + kSpan, "X-B3-Sampled: 1"},
       kTrace,
       kSpan},
  };
  return all;
}

KernelOptions options(std::vector<ContextFormat> inject) {
  KernelOptions options;
  options.propagation.inject = std::move(inject);
  return options;
}

std::string traceparent(const SeenRequest& r) { return fmt::format("00-{}-{}-{:02x}", r.trace_id, r.span_id, r.flags); }
std::string b3_value(const SeenRequest& r) { return r.trace_id + "-" + r.span_id + (r.flags & 1 ? "-1" : "-0"); }
std::string jaeger_value(const SeenRequest& r) {
  return r.trace_id + ":" + r.span_id + (r.flags & 1 ? ":0:1" : ":0:0");
}

// The lines that each format adds.
Lines added(const SeenRequest& r, const std::vector<ContextFormat>& formats) {
  const auto has = [&](ContextFormat f) { return std::ranges::find(formats, f) != formats.end(); };
  Lines lines;
  if (has(tracecontext)) lines.push_back("traceparent: " + traceparent(r));
  if (has(b3)) lines.push_back("b3: " + b3_value(r));
  if (has(b3multi)) {
    lines.push_back("X-B3-TraceId: " + r.trace_id);
    lines.push_back("X-B3-SpanId: " + r.span_id);
    lines.push_back(std::string("X-B3-Sampled: ") + (r.flags & 1 ? "1" : "0"));
  }
  if (has(jaeger)) lines.push_back("uber-trace-id: " + jaeger_value(r));
  if (has(xtraceid)) {
    lines.push_back("X-Trace-ID: " + r.trace_id);
    lines.push_back("X-Parent-ID: " + r.span_id);
  }
  return lines;
}

Lines operator+(Lines a, const Lines& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void check_child(const Seen& seen) {
  CHECK(seen.client.trace_id == seen.server.trace_id);
  CHECK(seen.client.parent_span_id == seen.server.span_id);
  CHECK(seen.client.flags == seen.server.flags);
  CHECK(seen.client.span_id != kNone);
}

const std::vector<std::vector<ContextFormat>> kInject{{tracecontext, baggage},
                                                      {b3},
                                                      {b3multi},
                                                      {jaeger},
                                                      {xtraceid},
                                                      {tracecontext, b3, b3multi, jaeger, xtraceid, baggage}};

void check_plain_calls(Scene& scene, const std::vector<ContextFormat>& inject) {
  for (const Incoming& in : incoming()) {
    CAPTURE(in.name);
    CAPTURE(inject.size());
    CAPTURE(static_cast<int>(inject[0]));
    const Seen seen = scene.exchange(in.lines, {head({})});
    if (!in.trace.empty()) CHECK(seen.server.trace_id == in.trace);
    CHECK(seen.server.parent_span_id == in.parent);
    CHECK((seen.server.flags & 1) == in.sampled);
    check_child(seen);
    CHECK(seen.client.attribution == ATTRIBUTION_TASK);
    CHECK(seen.client.injection == INJECTION_DONE);
    CHECK(seen.arrived == head(added(seen.client, inject)));
  }
}

// Written over in every header; what is missing is added.
void check_forwarded(Scene& scene, const std::vector<ContextFormat>& inject) {
  const auto without = [&](std::initializer_list<ContextFormat> there) {
    std::vector<ContextFormat> rest;
    for (const ContextFormat f : inject)
      if (std::ranges::find(there, f) == there.end()) rest.push_back(f);
    return rest;
  };
  const auto forward = [&](const Lines& lines) {
    const Seen seen = scene.exchange(lines, {head(lines)});
    check_child(seen);
    CHECK(seen.client.injection == INJECTION_OVERWRITTEN);
    CHECK(seen.client.attribution == ATTRIBUTION_CARRIED);
    return seen;
  };
  CAPTURE(inject.size());
  CAPTURE(static_cast<int>(inject[0]));
  Seen seen = forward({"traceparent: 00-" + kTrace + "-" + kSpan + "-01"});
  CHECK(seen.arrived ==
        head(Lines{"traceparent: " + traceparent(seen.client)} + added(seen.client, without({tracecontext}))));
  seen = forward({"b3: " + kTrace + "-" + kSpan + "-1"});
  CHECK(seen.arrived == head(Lines{"b3: " + b3_value(seen.client)} + added(seen.client, without({b3}))));
  seen = forward({"b3:" + kShort + "-" + kSpan + "-1-" + kSpan});
  CHECK(seen.arrived == head(Lines{"b3:" + padded(b3_value(seen.client), 52)} + added(seen.client, without({b3}))));
  seen = forward({"b3: " + kShort + "-" + kSpan});
  CHECK(seen.arrived == head(Lines{"b3: " + kShort + "-" + seen.client.span_id} + added(seen.client, without({b3}))));
  seen = forward(
      {"X-B3-ParentSpanId: " + kSpan, "X-B3-SpanId: " + kSpan, "X-B3-Sampled: true", "X-B3-TraceId: " + kShort});
  CHECK(seen.arrived == head(Lines{"X-B3-ParentSpanId: " + seen.server.span_id, "X-B3-SpanId: " + seen.client.span_id,
                                   "X-B3-Sampled: " + padded("1", 4), "X-B3-TraceId: " + kShort} +
                             added(seen.client, without({b3multi}))));
  seen = forward({"uber-trace-id: " + kShort + "%3A" + kSpan + "%3A0%3A1"});
  CHECK(seen.arrived == head(Lines{"uber-trace-id: " + padded(kShort + ":" + seen.client.span_id + ":0:1", 43)} +
                             added(seen.client, without({jaeger}))));
  // All at once: never two of them with different ids.
  seen = forward({"b3: " + kTrace + "-" + kSpan + "-1", "traceparent: 00-" + kTrace + "-" + kSpan + "-01",
                  "X-Trace-ID: " + kTrace, "uber-trace-id: " + kTrace + ":" + kSpan + ":0:1", "X-Parent-ID: " + kSpan});
  CHECK(seen.arrived ==
        head(Lines{"b3: " + b3_value(seen.client), "traceparent: " + traceparent(seen.client), "X-Trace-ID: " + kTrace,
                   "uber-trace-id: " + jaeger_value(seen.client), "X-Parent-ID: " + seen.client.span_id} +
             added(seen.client, without({b3, tracecontext, xtraceid, jaeger}))));
}

}  // namespace

TEST_CASE("every format in, every format out") {
  for (const auto& inject : kInject) {
    Scene scene(options(inject));
    CAPTURE(inject.size());
    CAPTURE(static_cast<int>(inject[0]));
    check_plain_calls(scene, inject);
    check_forwarded(scene, inject);
  }
}

TEST_CASE("a caller's decision holds; one that it leaves open or does not send is made here") {
  Scene scene(options({tracecontext}));
  scene.sample_nothing_new();
  const std::string ids = kTrace + "-" + kSpan;
  const Incoming cases[] = {
      {"nothing", {}, "", kNone, false},
      {"tracecontext", {"traceparent: 00-" + ids + "-01"}, kTrace, kSpan, true},
      {"tracecontext, not sampled", {"traceparent: 00-" + ids + "-00"}, kTrace, kSpan, false},
      {"b3", {"b3: " + ids + "-1"}, kTrace, kSpan, true},
      {"b3, open", {"b3: " + ids}, kTrace, kSpan, false},
      {"b3, accept", {"b3: 1"}, "", kNone, true},
      {"b3, deny", {"b3: 0"}, "", kNone, false},
      {"xtraceid", {"X-Trace-ID: " + kTrace, "X-Parent-ID: " + kSpan}, kTrace, kSpan, false},
  };
  for (const Incoming& in : cases) {
    CAPTURE(in.name);
    const Seen seen = scene.exchange(in.lines, {head({})});
    if (!in.trace.empty()) CHECK(seen.server.trace_id == in.trace);
    CHECK(seen.server.parent_span_id == in.parent);
    CHECK((seen.server.flags & 1) == in.sampled);
    check_child(seen);
    CHECK(seen.arrived == head({"traceparent: " + traceparent(seen.client)}));
  }
}

TEST_CASE("a forwarded value that has to grow") {
  Scene scene(options({b3, b3multi}));
  // A decision without ids that came in beside a context, and is an inject format: its ids are missing.
  const std::string context = "traceparent: 00-" + kTrace + "-" + kSpan + "-00";
  Seen seen = scene.exchange({context, "b3: 0"}, {head({"b3: 0", "Accept: */*", context})});
  CHECK(seen.client.injection == INJECTION_OVERWRITTEN);
  CHECK(seen.arrived ==
        head(Lines{"b3: " + b3_value(seen.client), "Accept: */*", "traceparent: " + traceparent(seen.client)} +
             added(seen.client, {b3multi})));
  seen = scene.exchange({context, "X-B3-Sampled: 0"}, {head({context, "X-B3-Sampled: 0"})});
  CHECK(seen.arrived ==
        head({"traceparent: " + traceparent(seen.client), "X-B3-Sampled: 0", "b3: " + b3_value(seen.client),
              "X-B3-TraceId: " + kTrace, "X-B3-SpanId: " + seen.client.span_id}));
}

TEST_CASE("headers outside the inject formats stay, own ones are respected") {
  const std::string own_trace = "11111111111111111111111111111111", own = own_trace + "-2222222222222222-1";
  const std::string context = "traceparent: 00-" + kTrace + "-" + kSpan + "-01";
  Scene scene(options({tracecontext, baggage}));
  // Outside the inject formats: untouched, and the inject formats are added.
  Seen seen = scene.exchange({context}, {head({"b3: " + own})});
  CHECK(seen.client.injection == INJECTION_DONE);
  check_child(seen);
  CHECK(seen.arrived == head({"b3: " + own, "traceparent: " + traceparent(seen.client)}));
  seen = scene.exchange({context, "X-Trace-ID: my-order-1"}, {head({"X-Trace-ID: my-order-1"})});
  CHECK(seen.client.attribution == ATTRIBUTION_TASK);
  CHECK(seen.arrived == head({"X-Trace-ID: my-order-1", "traceparent: " + traceparent(seen.client)}));
  for (const Lines& lines : {Lines{"b3: junk"}, Lines{"b3: 0"}, Lines{"uber-trace-id: 1:1:0:1", "X-B3-Sampled: 1"}}) {
    seen = scene.exchange({context}, {head(lines)});
    CHECK(seen.arrived == head(lines + Lines{"traceparent: " + traceparent(seen.client)}));
  }
  const auto untouched = [&](Scene& in, const Lines& incoming, const Lines& lines, unsigned why) {
    const Seen s = in.exchange(incoming, {head(lines)});
    CHECK(s.client.injection == why);
    CHECK(s.arrived == head(lines));
  };
  untouched(scene, {context}, {"traceparent: 00-" + own_trace + "-2222222222222222-01"}, INJECTION_OWN_HEADER);
  // Another parent in the trace of a live request, whatever the format: a library inside.
  untouched(scene, {context}, {"b3: " + kTrace + "-2222222222222222-1"}, INJECTION_INSTRUMENTED);
  // An own context beside a forwarded one: the whole message is its own.
  untouched(scene, {context}, {context, "b3: " + own}, INJECTION_OWN_HEADER);
  Scene all(options({b3, jaeger, xtraceid}));
  untouched(all, {context}, {"b3: " + own}, INJECTION_OWN_HEADER);
  untouched(all, {context}, {"b3: junk"}, INJECTION_INVALID_CARRIED);
  untouched(all, {context}, {"uber-trace-id: 1:1:0:1", "uber-trace-id: 1:1:0:1"}, INJECTION_INVALID_CARRIED);
  untouched(all, {context}, {"X-Trace-ID: my-order-1"}, INJECTION_OWN_HEADER);
  // traceparent is outside now.
  seen = all.exchange({context}, {head({"traceparent: 00-" + own_trace + "-2222222222222222-01"})});
  CHECK(seen.arrived == head(Lines{"traceparent: 00-" + own_trace + "-2222222222222222-01"} +
                             added(seen.client, {b3, jaeger, xtraceid})));
}

TEST_CASE("a head in several sends") {
  Scene scene(options({tracecontext, b3, baggage}));
  const std::string context = "traceparent: 00-" + kTrace + "-" + kSpan + "-01",
                    b3_line = "b3: " + kTrace + "-" + kSpan + "-1";
  const std::string whole = head({context, "Accept: */*", b3_line, "X-Last: 1"});
  for (std::size_t cut = 20; cut + 4 < whole.size(); cut++) {
    CAPTURE(cut);
    const Seen seen = scene.exchange({context, b3_line}, {whole.substr(0, cut), whole.substr(cut)});
    const std::string traceparent_line = "traceparent: " + traceparent(seen.client),
                      b3_now = "b3: " + b3_value(seen.client);
    const std::string good = head({traceparent_line, "Accept: */*", b3_now, "X-Last: 1"});
    // Only the value counts: the name may have left. A value that is cut has left before it could be known whole: then
    // it stays, and the other one goes on alone only if it was dealt with before.
    const bool torn = seen.arrived != good;
    if (torn) {
      CHECK((seen.arrived == whole || seen.arrived == head({traceparent_line, "Accept: */*", b3_line, "X-Last: 1"})));
    }
    const auto in = [&](const std::string& line) {
      return cut > whole.find(line) + line.find(' ') + 1 && cut < whole.find(line) + line.size() + 1;
    };
    CHECK(torn == (in(context) || in(b3_line)));
  }
}

TEST_CASE("trust_incoming: false starts a new trace, and what is forwarded says so") {
  KernelOptions untrusting = options({tracecontext, baggage});
  untrusting.propagation.trust_incoming = false;
  Scene scene(untrusting);
  const std::string context = "traceparent: 00-" + kTrace + "-" + kSpan + "-01";
  const Lines all = {context,
                     "tracestate: a=1,b=2",
                     "b3: " + kShort + "-" + kSpan + "-1",
                     "X-Trace-ID: " + kTrace,
                     "uber-trace-id: " + kTrace + ":" + kSpan + ":0:1",
                     "tracestate: c=3"};
  Seen seen = scene.exchange(all, {head(all)});
  check_child(seen);
  CHECK(seen.server.trace_id != kTrace);
  CHECK(seen.server.parent_span_id == kNone);
  CHECK(seen.client.injection == INJECTION_OVERWRITTEN);
  CHECK(seen.arrived == head({"traceparent: " + traceparent(seen.client), "tracestate: " + padded("", 7),
                              "b3: " + b3_value(seen.client), "X-Trace-ID: " + seen.client.trace_id,
                              "uber-trace-id: " + jaeger_value(seen.client), "tracestate: " + padded("", 3)}));
  const Lines plain = {context, "tracestate: a=1"};
  seen = scene.exchange(plain, {head(plain)});
  CHECK(seen.arrived == head({"traceparent: " + traceparent(seen.client), "tracestate: " + padded("", 3)}));
}

TEST_CASE("baggage of an application's own is judged on its way out") {
  Scene scene(options({tracecontext, baggage}));
  const auto sent = [&](const Lines& lines) { return scene.exchange({}, {head(lines)}); };
  // Nothing to object to: byte for byte.
  for (const Lines& lines :
       {Lines{"baggage: a=1, b=2 ,,c=3;p"}, Lines{"Baggage:a=1", "BAGGAGE:\tb=2 "}, Lines{"baggage:"}}) {
    const Seen seen = sent(lines);
    CHECK(seen.arrived == head(lines + Lines{"traceparent: " + traceparent(seen.client)}));
  }
  // Members without a key are dropped; the result is shorter.
  Seen seen = sent({"baggage: a=1,junk,b=2"});
  CHECK(seen.arrived == head({"baggage: " + padded("a=1,b=2", 12), "traceparent: " + traceparent(seen.client)}));
  seen = sent({"Accept: */*", "baggage: junk", "X-Between: 1", "baggage: b=2,=3", "baggage: c=4"});
  CHECK(seen.arrived ==
        head({"Accept: */*", "baggage: " + padded("b=2,c=4", 7), "X-Between: 1", "baggage: " + padded("", 6),
              "baggage: " + padded("", 3), "traceparent: " + traceparent(seen.client)}));
  seen = sent({"baggage: junk"});
  CHECK(seen.arrived == head({"baggage: " + padded("", 4), "traceparent: " + traceparent(seen.client)}));
  CHECK(scene.counters().unenforced.empty());
  // With a context that is not touched, and forwarded together with one that is.
  const std::string own = "traceparent: 00-11111111111111111111111111111111-2222222222222222-01";
  seen = sent({own, "baggage: junk,b=2"});
  CHECK(seen.client.injection == INJECTION_OWN_HEADER);
  CHECK(seen.arrived == head({own, "baggage: " + padded("b=2", 8)}));
  const Lines forwarded = {"traceparent: 00-" + kTrace + "-" + kSpan + "-01", "baggage: junk,b=2,x=y",
                           "b3: " + kTrace + "-" + kSpan + "-1"};
  seen = scene.exchange(forwarded, {head(forwarded)});
  CHECK(seen.arrived == head({"traceparent: " + traceparent(seen.client), "baggage: " + padded("b=2,x=y", 12),
                              "b3: " + b3_value(seen.client)}));
  CHECK(scene.counters().unenforced.empty());
  CHECK((seen.client.facts & REQUEST_BAGGAGE_UNENFORCED) == 0);
  // A long one, dropped whole members beyond the limit.
  std::string members, kept;
  for (int i = 0; i < 70; i++) members += fmt::format("{}k{}={}", i ? "," : "", i, std::string(40, 'v'));
  for (int i = 0; i < 64; i++) kept += fmt::format("{}k{}={}", i ? "," : "", i, std::string(40, 'v'));
  seen = sent({"baggage: " + members});
  CHECK(seen.arrived == head({"baggage: " + padded(kept, members.size()), "traceparent: " + traceparent(seen.client)}));
  // More lines than are judged: as they are, and it is said.
  Lines many(9, "baggage: junk");
  seen = sent(many);
  CHECK(seen.arrived == head(many + Lines{"traceparent: " + traceparent(seen.client)}));
  CHECK((seen.client.facts & REQUEST_BAGGAGE_UNENFORCED) != 0);
  CHECK(scene.counters().unenforced[{"http", "too_large"}] == 1);
  // So many that a count of them in a byte begins again.
  many.assign(264, "baggage: junk");
  seen = sent(many);
  CHECK(seen.arrived == head(many + Lines{"traceparent: " + traceparent(seen.client)}));
  CHECK(scene.counters().unenforced[{"http", "too_large"}] == 2);
  // Behind more lines of other formats than are held.
  Lines others;
  for (int i = 0; i < 30; i++) others.push_back(fmt::format("uberctx-k{}: v", i));
  seen = sent(Lines{"baggage: junk,a=1"} + others + Lines{"baggage: junk"});
  CHECK(seen.arrived == head(Lines{"baggage: " + padded("a=1", 8)} + others +
                             Lines{"baggage: " + padded("", 4), "traceparent: " + traceparent(seen.client)}));
  CHECK(scene.counters().unenforced[{"http", "too_large"}] == 2);
  others.push_back("uberctx-k: v");
  seen = sent(Lines{"baggage: junk,a=1"} + others + Lines{"baggage: junk"});
  CHECK(seen.arrived == head(Lines{"baggage: " + padded("a=1", 8)} + others +
                             Lines{"baggage: junk", "traceparent: " + traceparent(seen.client)}));
  CHECK((seen.client.facts & REQUEST_BAGGAGE_UNENFORCED) != 0);
  CHECK(scene.counters().unenforced[{"http", "too_large"}] == 3);
  // Cut in the middle of the name: the value is all there.
  const std::string named = head({"X-First: 1", "baggage: junk,b=2", "baggage: c=3"});
  for (const std::size_t at :
       {named.find("gage: junk"), named.find(": junk"), named.find(" junk"), named.find("junk")}) {
    seen = scene.exchange({}, {named.substr(0, at), named.substr(at)});
    CHECK(seen.arrived == head({"X-First: 1", "baggage: " + padded("b=2,c=3", 8), "baggage: " + padded("", 3),
                                "traceparent: " + traceparent(seen.client)}));
  }
  CHECK(scene.counters().unenforced[{"http", "split_head"}] == 0);
  // Cut in the middle of the value.
  const std::string cut = head({"baggage: junk,b=2"});
  seen = scene.exchange({}, {cut.substr(0, cut.find("nk,b")), cut.substr(cut.find("nk,b"))});
  CHECK(seen.arrived == head({"baggage: junk,b=2", "traceparent: " + traceparent(seen.client)}));
  CHECK(scene.counters().unenforced[{"http", "split_head"}] == 1);
  // Cut behind the line: judged before it leaves.
  seen = scene.exchange({}, {cut.substr(0, cut.find("b=2") + 5), cut.substr(cut.find("b=2") + 5)});
  CHECK(seen.arrived == head({"baggage: " + padded("b=2", 8), "traceparent: " + traceparent(seen.client)}));
}

TEST_CASE("uberctx- is baggage too, both ways") {
  Scene scene(options({tracecontext, baggage, jaeger}));
  Seen seen = scene.exchange({"uber-trace-id: 1:2:0:1", "Uberctx-User: ann b", "uberctx-tier: gold",
                              "baggage: TIER=w3c,x=1;p=2", "uberctx-q: a,b;c"},
                             {head({})});
  CHECK(seen.arrived == head(added(seen.client, {tracecontext, jaeger}) +
                             Lines{"uberctx-TIER: w3c", "uberctx-x: 1", "uberctx-user: ann%20b", "uberctx-q: a%2Cb%3Bc",
                                   "baggage: TIER=w3c,x=1;p=2,user=ann%20b,q=a%2Cb%3Bc"}));
}

}  // namespace weft::test
