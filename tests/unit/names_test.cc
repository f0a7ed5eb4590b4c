// SPDX-License-Identifier: Apache-2.0
#include "kernel/names.h"

#include <doctest/doctest.h>

#include <set>
#include <string_view>

#include "wire/settings.h"
#include "wire/telemetry.h"

using namespace weft;

namespace {

// `first` to `last` have words of their own, their neighbours none.
void check_words(std::string_view (*name)(unsigned), unsigned first, unsigned last) {
  std::set<std::string_view> words;
  for (unsigned i = first; i <= last; i++) words.insert(name(i));
  CHECK(words.size() == last - first + 1);
  CHECK_FALSE(words.contains("unknown"));
  CHECK(name(last + 1) == "unknown");
  if (first > 0) CHECK(name(first - 1) == "unknown");
}

}  // namespace

TEST_CASE("names: every number of the wire contract has a word of its own") {
  check_words(injection_name, INJECTION_NOT_TRIED, INJECTION_COUNT - 1);
  check_words(end_name, END_COMPLETE, END_RESET);
  check_words(park_name, PARK_NONE, PARK_COUNT - 1);
  check_words(fault_name, FAULT_MAP_FULL, FAULT_COUNT - 1);
  check_words(program_name, PROGRAM_RECEIVE, PROGRAM_COUNT - 1);
  check_words(protocol_name, PROTOCOL_HTTP1, PROTOCOL_COUNT - 1);
  check_words(event_name, EVENT_REQUEST, EVENT_RECORD);
  check_words(spans_name, TELEMETRY_SPANS, TELEMETRY_JAEGER);
}
