// SPDX-License-Identifier: Apache-2.0
// Baggage of an application's own in a head that is sent in pieces: each member is judged, counted and sent on once.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "kernel/formats_scene.h"
#include "wire/events.h"

namespace weft::test {
namespace {

KernelOptions two_formats() {
  KernelOptions options;
  options.propagation.inject = {ContextFormat::tracecontext, ContextFormat::baggage};
  return options;
}

// Of all baggage lines of a head; without spaces around them, and without empty ones.
std::vector<std::string> members(const std::string& head) {
  std::vector<std::string> all;
  for (std::size_t at = 0; (at = head.find("\r\nbaggage:", at)) != std::string::npos;) {
    at += 10;
    std::string text = head.substr(at, head.find("\r\n", at) - at) + ",";
    for (std::size_t comma; (comma = text.find(',')) != std::string::npos; text.erase(0, comma + 1)) {
      std::string member = text.substr(0, comma);
      std::erase(member, ' ');
      if (!member.empty()) all.push_back(member);
    }
  }
  return all;
}

// Cut once, at every place behind the first line; and sent byte by byte.
std::vector<std::vector<std::string>> pieces_of(const std::string& whole) {
  const std::size_t first = whole.find("\r\n") + 1;
  std::vector<std::vector<std::string>> all;
  for (std::size_t at = first; at < whole.size(); at++) all.push_back({whole.substr(0, at), whole.substr(at)});
  all.push_back({whole.substr(0, first)});
  for (std::size_t at = first; at < whole.size(); at++) all.back().push_back(whole.substr(at, 1));
  return all;
}

}  // namespace

TEST_CASE("baggage of a head in pieces counts once when nothing is to change") {
  Scene scene(two_formats());
  const std::string whole = head({"baggage: a=1, b=2", "X-Between: 1", "uberctx-d: 4", "baggage: c=3"});
  for (const auto& pieces : pieces_of(whole)) {
    const policy_counters before = scene.judged();
    const Seen seen = scene.exchange({}, pieces);
    CAPTURE(pieces[0]);
    CHECK(members(seen.arrived) == std::vector<std::string>{"a=1", "b=2", "c=3"});
    CHECK((seen.client.facts & REQUEST_BAGGAGE_UNENFORCED) == 0);
    CHECK(scene.judged().actions[POLICY_KEPT] - before.actions[POLICY_KEPT] == 4);
  }
}

TEST_CASE("baggage of a head in pieces: what is dropped counts once, and no member goes out twice") {
  Scene scene(two_formats());
  const std::string whole =
      head({"X-First: 1", "baggage: junk,a=1", "X-Between: 1", "baggage: b=2", "baggage: junk,c=3"});
  for (const auto& pieces : pieces_of(whole)) {
    const policy_counters before = scene.judged();
    const Seen seen = scene.exchange({}, pieces);
    const policy_counters after = scene.judged();
    CAPTURE(pieces[0]);
    CAPTURE(seen.arrived);
    auto arrived = members(seen.arrived);
    const std::size_t junk = std::erase(arrived, "junk");
    CHECK(arrived == std::vector<std::string>{"a=1", "b=2", "c=3"});
    const bool unenforced = (seen.client.facts & REQUEST_BAGGAGE_UNENFORCED) != 0;
    CHECK(unenforced == (junk > 0));
    CHECK(after.actions[POLICY_MALFORMED] - before.actions[POLICY_MALFORMED] == 2 - junk);
    const std::uint64_t kept = after.actions[POLICY_KEPT] - before.actions[POLICY_KEPT];
    CHECK(kept <= 3);
    CHECK((unenforced || kept == 3));
  }
}

}  // namespace weft::test
