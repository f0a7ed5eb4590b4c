// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 framing: every case whole, cut in two at every place, and byte by byte, each scan before a guard page.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "support/http1_cases.h"
#include "support/http1_driver.h"
#include "support/http1_reference.h"

namespace weft::test {

TEST_CASE("HTTP/1.1: the table of rules, at every split") {
  Http1Driver driver;
  for (const Http1Case& c : http1_cases()) {
    CAPTURE(c.rule);
    const Http1Run expected = reference_http1(c.text, c.responses, c.request_method);
    CAPTURE(to_string(expected));
    const auto complete =
        std::count_if(expected.messages.begin(), expected.messages.end(), [](const auto& m) { return m.complete; });
    // The table and the reference agree, so that neither can be wrong alone.
    CHECK(complete == c.messages);
    CHECK((expected.outcome == c.outcome || !reference_http1_can_continue(c.text, c.responses, c.request_method)));
    each_split(c.text, [&](const std::vector<std::string_view>& pieces) {
      const Http1Run got = driver.run(pieces, c.responses, c.request_method);
      const size_t first_bytes = pieces[0].size();
      CAPTURE(first_bytes);
      CAPTURE(to_string(got));
      REQUIRE(got.outcome == c.outcome);
      REQUIRE(got.messages == expected.messages);
    });
  }
}

TEST_CASE("HTTP/1.1: a head that outgrows the text is still framed") {
  Http1Driver driver;
  for (const size_t bytes : {12200u, 12288u, 13000u, 16384u, 20000u, 66000u, 140000u}) {
    std::string text = "POST / HTTP/1.1\r\n";
    while (text.size() < bytes) text += "X-Filler: " + std::string(90, 'x') + "\r\n";
    text += "Content-Length: 4\r\nbaggage: k=v\r\n\r\nbodyGET / HTTP/1.1\r\n\r\n";
    const Http1Run expected = reference_http1(text, false, 0);
    for (const size_t piece : {1u, 100u, 4096u, 65536u}) {
      std::vector<std::string_view> pieces;
      for (size_t at = 0; at < text.size(); at += piece) pieces.push_back(std::string_view(text).substr(at, piece));
      const Http1Run got = driver.run(pieces, false, 0);
      CAPTURE(bytes);
      CAPTURE(piece);
      REQUIRE(got.outcome == Http1Outcome::kBetween);
      REQUIRE(got.messages.size() == 2);
      CHECK(got.messages[0].head_bytes == expected.messages[0].head_bytes);
      CHECK(got.messages[0].body_bytes == 4);
      CHECK(got.messages[0].target == "/");
      CHECK(got.messages[1] == expected.messages[1]);
      // Kept values may be missing behind the kept text, never wrong.
      if (bytes < HTTP1_TEXT_KEPT - 200) CHECK(got.messages[0].baggage == expected.messages[0].baggage);
      for (const std::string& line : got.messages[0].baggage) CHECK(line == "k=v");
    }
  }
}

TEST_CASE("HTTP/1.1: values that the rest of a long head is written over are lost, not taken for others") {
  Http1Driver driver;
  for (const size_t at : {4000u, 12100u, 12280u, 12288u, 12400u, 13000u, 16000u, 16300u}) {
    for (const size_t value : {3u, 200u, 8300u}) {
      std::string text = "GET / HTTP/1.1\r\n";
      while (text.size() < at) text += "X-Filler: " + std::string((at - text.size()) % 90, 'x') + "\r\n";
      const std::string wanted = "k=" + std::string(value - 2, 'v');
      text += "baggage: " + wanted + "\r\ntracestate: " + wanted + "\r\nbaggage: " + wanted + "\r\n";
      while (text.size() < 40000) text += "Cookie: secret=" + std::string(75, 's') + "\r\n";
      text += "\r\n";
      for (const size_t piece : {1u, 100u, 1024u, 1400u, 4096u, 65536u}) {
        std::vector<std::string_view> pieces;
        for (size_t from = 0; from < text.size(); from += piece)
          pieces.push_back(std::string_view(text).substr(from, piece));
        const Http1Run got = driver.run(pieces, false, 0);
        CAPTURE(at);
        CAPTURE(value);
        CAPTURE(piece);
        REQUIRE(got.messages.size() == 1);
        const Http1Message& m = got.messages[0];
        for (const auto* lines : {&m.baggage, &m.tracestate})
          for (const std::string& line : *lines) REQUIRE((line == wanted));
        CHECK(m.baggage.size() + m.tracestate.size() + static_cast<size_t>(m.lost_lines) == 3);
        if (at < 8000 && value < 300) CHECK(m.lost_lines == 0);
      }
    }
  }
}

TEST_CASE("HTTP/1.1: however many lines find no place, that they are missing is known") {
  for (const size_t lines : {8u, 9u, 263u, 264u, 265u, 520u}) {
    head_text text{};
    http1 state{};
    std::string head = "GET / HTTP/1.1\r\n";
    size_t ninth = 0;
    for (size_t i = 0; i < lines; i++) {
      if (i == TEXT_LINES_MAX) ninth = head.size() + std::string_view("baggage:").size();
      head += "baggage:a=b\r\n";
    }
    for (size_t i = 0; i < lines; i++) head += "tracestate:a=b\r\n";
    head += "\r\n";
    REQUIRE(head.size() <= HEAD_TEXT_CAP);
    memcpy(text.bytes, head.data(), head.size());
    __u32 event = HTTP1_MORE;
    for (__u32 at = 0; event == HTTP1_MORE && at < head.size();) {
      const auto to = std::min<__u32>(at + HTTP1_WINDOW, static_cast<__u32>(head.size()));
      const __u32 result = scan_here(state, &text, at, to);
      at = result >> 3;
      event = result & 7;
    }
    CAPTURE(lines);
    REQUIRE(event == HTTP1_HEAD);
    for (const text_lines* kept : {&state.baggage, &state.tracestate}) {
      CHECK(kept->count == TEXT_LINES_MAX);
      CHECK((kept->more != 0) == (lines > TEXT_LINES_MAX));
    }
    if (ninth) CHECK(state.baggage.lost_from == ninth);
  }
}

}  // namespace weft::test
