// SPDX-License-Identifier: Apache-2.0
#include "agent/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <string>

namespace weft {
namespace {

// %* in a pattern: the message as a JSON string. Names of processes and answers of peers stand in messages.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string_view payload(message.payload.data(), message.payload.size());
    const std::string text =
        nlohmann::json(payload).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);  // not UTF-8: U+FFFD
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

}  // namespace

std::unique_ptr<spdlog::formatter> log_formatter(LogFormat format) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  if (format == LogFormat::text) {
    formatter->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  } else {
    formatter->add_flag<JsonMessage>('*').set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%*})");
  }
  return formatter;
}

void set_up_log(const Config& config) {
  auto logger = std::make_shared<spdlog::logger>("weftd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  spdlog::set_default_logger(logger);
  spdlog::set_formatter(log_formatter(config.log.format));
  constexpr spdlog::level::level_enum levels[] = {spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
                                                  spdlog::level::warn, spdlog::level::err};
  spdlog::set_level(levels[static_cast<std::size_t>(config.log.level)]);
}

}  // namespace weft
