// SPDX-License-Identifier: Apache-2.0
// One message, cut in every way an application may cut it; and messages that are not certain, which must stay
// untouched.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/traffic/agent.h"
#include "support/traffic/compare.h"
#include "support/traffic/process.h"
#include "wire/events.h"

namespace weft::test {
namespace {

using namespace std::literals;

using Pieces = std::vector<std::string>;

constexpr std::string_view kKnown = "00-11111111111111111111111111111111-2222222222222222-01";
constexpr std::string_view kNext = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";

// The traced client: one connection for each case, each piece in a send of its own.
std::string send_cases(const std::vector<Pieces>& cases, std::uint16_t port, const Listener* incoming) {
  Fd caller;
  if (incoming) {
    caller = accept_from(incoming->fd.get());
    if (read_head(caller.get()).empty()) return "no incoming request";
  }
  for (const Pieces& pieces : cases) {
    const Fd fd = connect_to(port);
    for (const std::string& piece : pieces)
      if (!send_all(fd.get(), piece)) return "send failed";
    shutdown(fd.get(), SHUT_WR);
    if (!read_to_end(fd.get()).empty()) return "unexpected answer";
  }
  return "done";
}

// What the peer received for each case. With `known`, the client is working on a request that carried it.
std::vector<std::string> received(const std::vector<Pieces>& cases, bool known = false) {
  const Listener listener = listen_on_loopback(), incoming = listen_on_loopback();
  ForkedChild client([&] { return send_cases(cases, listener.port, known ? &incoming : nullptr); });
  auto agent = TestAgent::start();
  REQUIRE_MESSAGE(agent.has_value(), (agent ? "" : agent.error().message));
  const auto traced = (*agent)->trace(client.pid());
  REQUIRE_MESSAGE(traced.has_value(), (traced ? "" : traced.error().message));
  client.go();
  Fd caller;
  if (known) {
    caller = connect_to(incoming.port);
    send_all(caller.get(),
             fmt::format("GET /in HTTP/1.1\r\nHost: x\r\ntraceparent: {}\r\nbaggage: user=ann\r\n\r\n", kKnown));
  }
  std::vector<std::string> got;
  for (std::size_t i = 0; i < cases.size(); i++) got.push_back(read_to_end(accept_from(listener.fd.get()).get()));
  CHECK(client.result() == "done");
  MESSAGE((*agent)->summary());
  return got;
}

// Every cut in two, every pair of neighbouring cuts, and single bytes.
std::vector<Pieces> all_cuts(const std::string& text) {
  std::vector<Pieces> cases{{text}};
  for (std::size_t k = 1; k < text.size(); k++) cases.push_back({text.substr(0, k), text.substr(k)});
  for (std::size_t k = 1; k + 1 < text.size(); k++)
    cases.push_back({text.substr(0, k), text.substr(k, 1), text.substr(k + 1)});
  Pieces bytes;
  for (const char c : text) bytes.emplace_back(1, c);
  cases.push_back(bytes);
  return cases;
}

// The text from `begin` to `end` goes out in one piece.
bool whole(const Pieces& pieces, std::size_t begin, std::size_t end) {
  std::size_t at = 0;
  for (const std::string& piece : pieces) {
    if (at <= begin && end <= at + piece.size()) return true;
    at += piece.size();
  }
  return false;
}

std::string sizes(const Pieces& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += fmt::format("{} ", piece.size());
  return text;
}

Stream one_request(const std::string& text, Message facts = {}) {
  facts.head_end = text.find("\r\n\r\n") + 4;
  facts.end = text.size();
  return {.bytes = text, .messages = {facts}};
}

void every_cut(const std::string& text, bool known = false, Message facts = {}) {
  const Stream sent = one_request(text, facts);
  const auto cases = all_cuts(text);
  const auto got = received(cases, known);
  int injected = 0;
  for (std::size_t i = 0; i < cases.size(); i++) {
    StreamComparer comparer(sent, known ? std::string(kKnown) : "");
    comparer.feed(got[i]);
    comparer.finish();
    INFO("pieces: " << sizes(cases[i]) << comparer.fault());
    CHECK(comparer.tally().faults() == 0);
    if (facts.contexts > 0) continue;
    // What cannot be done: a blank line whose CR has gone out already.
    const std::size_t head_end = sent.messages[0].head_end;
    const bool possible = !without_agent() && whole(cases[i], head_end - 2, head_end);
    CHECK(comparer.tally().injected == possible);
    injected += comparer.tally().injected > 0;
  }
  MESSAGE(cases.size() << " cuts, injected " << injected);
}

TEST_CASE("every cut: plain request") { every_cut("GET /a HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"); }
TEST_CASE("every cut: no header at all") { every_cut("GET / HTTP/1.1\r\n\r\n"); }
TEST_CASE("every cut: HTTP/1.0") { every_cut("GET / HTTP/1.0\r\nHost: x\r\n\r\n"); }
TEST_CASE("every cut: body") { every_cut("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"); }
TEST_CASE("every cut: chunked, with a request inside the body") {
  every_cut(
      "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n12;a=b\r\nGET / HTTP/1.1\r\n\r\n\r\n0\r\nT: t\r\n\r\n");
}
TEST_CASE("every cut: near misses of the names") {
  every_cut("GET / HTTP/1.1\r\ntracepar: a\r\ntraceparentx: b\r\nx-traceparent: c\r\n\r\n");
}
TEST_CASE("every cut: working on a request") { every_cut("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", true); }

TEST_CASE("every cut: a context of its own stays") {
  every_cut("GET / HTTP/1.1\r\nTraceParent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nHost: x\r\n\r\n",
            false, {.contexts = 1});
}

TEST_CASE("every cut: a carried context is written over in place or not at all") {
  const std::string text = fmt::format("GET / HTTP/1.1\r\nTraceParent: {}\r\nHost: x\r\n\r\n", kKnown);
  const Stream sent = one_request(text, {.contexts = 1, .known = true, .any_known = true});
  const auto cases = all_cuts(text);
  const auto got = received(cases, true);
  const std::size_t line = text.find("TraceParent");
  for (std::size_t i = 0; i < cases.size(); i++) {
    StreamComparer comparer(sent, std::string(kKnown));
    comparer.feed(got[i]);
    comparer.finish();
    INFO("pieces: " << sizes(cases[i]) << comparer.fault());
    CHECK(comparer.tally().faults() == 0);
    if (!without_agent() && whole(cases[i], line, text.find("Host"))) CHECK(comparer.tally().overwritten == 1);
  }
}

// Bytes that can be understood in two ways, or not at all. Nothing may be added before them or behind them.
const std::vector<std::pair<const char*, std::string>> kUncertain = {
    {"bare LF", "GET / HTTP/1.1\nHost: x\n\n"},
    {"bare LF ends the head", "GET / HTTP/1.1\r\nHost: x\r\n\n"},
    {"bare LF in one line", "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n"},
    {"bare CR in a value", "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n"},
    {"obs-fold", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"},
    {"obs-fold by a tab", "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n"},
    {"space before the first field", "GET / HTTP/1.1\r\n A: b\r\n\r\n"},
    {"NUL in a value", "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"s},
    {"NUL in the target", "GET /\0 HTTP/1.1\r\n\r\n"s},
    {"NUL in a name", "GET / HTTP/1.1\r\nA\0: b\r\n\r\n"s},
    {"two lengths", "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
    {"two lengths in one line", "POST / HTTP/1.1\r\nContent-Length: 3, 4\r\n\r\nabcd"},
    {"chunked and a length", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
    {"a length and chunked", "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"space before the colon", "POST / HTTP/1.1\r\nContent-Length : 3\r\n\r\nabc"},
    {"space before the colon of chunked", "POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
    {"signed length", "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc"},
    {"negative length", "POST / HTTP/1.1\r\nContent-Length: -3\r\n\r\nabc"},
    {"hexadecimal length", "POST / HTTP/1.1\r\nContent-Length: 0x3\r\n\r\nabc"},
    {"empty length", "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n"},
    {"length with a space inside", "POST / HTTP/1.1\r\nContent-Length: 3 0\r\n\r\nabc"},
    {"length beyond 64 bits", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nabc"},
    {"length that wraps to 3", "POST / HTTP/1.1\r\nContent-Length: 18446744073709551619\r\n\r\nabc"},
    {"chunked is not the last coding", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\nabc"},
    {"unknown coding", "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\nabc"},
    {"identity", "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\nabc"},
    {"line without a colon", "GET / HTTP/1.1\r\nnonsense\r\n\r\n"},
    {"empty name", "GET / HTTP/1.1\r\n: b\r\n\r\n"},
    {"HTTP/2.0 in a request line", "GET / HTTP/2.0\r\n\r\n"},
    {"HTTP/1.11", "GET / HTTP/1.11\r\nHost: x\r\n\r\n"},
    {"HTTP/0.9", "GET /\r\n"},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s},
    {"SSH", "SSH-2.0-OpenSSH_9.2\r\n"},
    {"Redis", "*1\r\n$4\r\nPING\r\n"},
    {"SMTP", "EHLO localhost\r\n"},
    {"a response", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"binary", "\0\0\0\x2a\0\x12\0\x04"s},
};

TEST_CASE("uncertain messages are untouched, and so is all that follows") {
  std::vector<Pieces> cases;
  for (const auto& [name, text] : kUncertain) {
    const std::string all = text + std::string(kNext);
    Pieces bytes;
    for (const char c : all) bytes.emplace_back(1, c);
    cases.push_back({all});
    cases.push_back({text, std::string(kNext)});
    cases.push_back(bytes);
  }
  const auto got = received(cases);
  for (std::size_t i = 0; i < cases.size(); i++) {
    INFO(std::string(kUncertain[i / 3].first) << ", form " << i % 3);
    CHECK(got[i] == kUncertain[i / 3].second + std::string(kNext));
  }
}

// The first head is certain and gets its headers; what comes behind it is another protocol, or broken: parked.
const std::vector<std::pair<const char*, std::string>> kParkedAfter = {
    {"upgrade", "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"},
    {"upgrade in a list", "GET /chat HTTP/1.1\r\nConnection: keep-alive, upgrade\r\nUpgrade: h2c\r\n\r\n"},
    {"connect", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"},
    {"chunk size is no number", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"},
    {"chunk size with 0x", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n"},
    {"chunk size overflows",
     "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nab\r\n0\r\n\r\n"},
    {"chunk is longer than it says", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"},
    {"bare LF after the size", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n"},
    {"body longer than its length", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab!\r\n"},
};

TEST_CASE("behind an upgrade, CONNECT or a broken body nothing is added") {
  std::vector<Pieces> cases;
  for (const auto& [name, text] : kParkedAfter) {
    cases.push_back({text + std::string(kNext)});
    cases.push_back({text, std::string(kNext)});
  }
  const auto got = received(cases);
  for (std::size_t i = 0; i < cases.size(); i++) {
    const std::string& text = kParkedAfter[i / 2].second;
    INFO(std::string(kParkedAfter[i / 2].first) << ", form " << i % 2);
    const std::size_t blank = text.find("\r\n\r\n") + 2;
    // Added lines, if any, lie before the first blank line; the rest is byte-equal.
    const std::string tail = text.substr(blank) + std::string(kNext);
    REQUIRE(got[i].size() >= blank + tail.size());
    CHECK(got[i].substr(0, blank) == text.substr(0, blank));
    CHECK(got[i].substr(got[i].size() - tail.size()) == tail);
    const std::string added = got[i].substr(blank, got[i].size() - tail.size() - blank);
    if (!added.empty()) {
      CHECK(added.starts_with("traceparent: "));
      CHECK(valid_traceparent(added.substr(13, 55)));
      CHECK(added.find("\r\n") == added.size() - 2);
    }
    if (i % 2 == 1) CHECK(added.empty() == without_agent());
  }
}

}  // namespace
}  // namespace weft::test
