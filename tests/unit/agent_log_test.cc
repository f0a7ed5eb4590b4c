// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/log.h"

using namespace weft;

namespace {

std::string logged(LogFormat format, const std::string& message) {
  std::ostringstream out;
  spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  logger.set_formatter(log_formatter(format));
  logger.warn(message);
  return out.str();
}

nlohmann::json object_of(const std::string& line) {
  REQUIRE(line.ends_with('\n'));
  CHECK(line.find('\n') == line.size() - 1);
  const auto object = nlohmann::json::parse(line, nullptr, false);
  REQUIRE_MESSAGE(object.is_object(), line);
  return object;
}

}  // namespace

TEST_CASE("log: as JSON each message is one object on one line, whatever it holds") {
  using namespace std::string_literals;
  for (const std::string& message :
       {"ready"s, R"(the process says "no")"s, R"(C:\temp\u)"s, "two\nlines\r\tand \x1b[31m\x01 colour"s, "a\0b"s,
        "{}%v %l"s, "gr\xc3\xbc\xc3\x9f"s, ""s}) {
    const auto object = object_of(logged(LogFormat::json, message));
    CHECK(object["message"] == message);
    CHECK(object["level"] == "warning");
    CHECK(object["time"].get<std::string>().size() == std::string("2026-01-02T03:04:05.678+00:00").size());
    CHECK(object.size() == 3);
  }
  CHECK(object_of(logged(LogFormat::json, "odd \xff"))["message"] == "odd \xef\xbf\xbd");
}

TEST_CASE("log: as text it is the message behind time and level") {
  CHECK(logged(LogFormat::text, R"(it says "no")").ends_with(" warning it says \"no\"\n"));
}
