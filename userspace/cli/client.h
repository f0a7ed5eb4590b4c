// SPDX-License-Identifier: Apache-2.0
// The agent's control API as seen by the commands.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace weft::cli {

using Json = nlohmann::ordered_json;

// "/v1/spans" and {{"limit", "5"}} -> "/v1/spans?limit=5"; parameters with an empty value are left out.
std::string with_query(std::string path, const std::vector<std::pair<std::string, std::string>>& parameters);

// The body of a successful answer. Otherwise the reason is on stderr, context.exit_code is set, and nullopt comes back.
std::optional<std::string> fetch(Context& context, const std::string& path);
std::optional<std::string> post(Context& context, const std::string& path);
enum class Method { put, post, remove };
std::optional<std::string> send(Context& context, Method method, const std::string& path, const std::string& body,
                                const std::string& content_type);
std::optional<Json> parse_answer(Context& context, const std::string& body);
std::optional<Json> fetch_json(Context& context, const std::string& path);
// … of an agent that need not be there: nothing is said, and context.exit_code stays.
std::optional<Json> fetch_json_if_any(const Context& context, const std::string& path);

// A stream until its end, until SIGINT or SIGTERM, until `duration` has passed (0 = no such end), or until `sink`
// returns false. True when it was entered; false as above.
bool stream(Context& context, const std::string& path, std::chrono::nanoseconds duration,
            const std::function<bool(std::string_view)>& sink);

}  // namespace weft::cli
