// SPDX-License-Identifier: Apache-2.0
// Answers of the agent in the format that was asked for, and numbers as people read them.
#pragma once

#include <string>

#include "cli/client.h"

namespace weft::cli {

std::string yaml_text(const Json& json);  // ends with a newline
// json or yaml. REQUIRES: the format is not table.
std::string machine_text(const Json& json, Format format);

// Members of an answer, whatever an agent of another version left out.
std::string text_of(const Json& object, const char* key);
double number_of(const Json& object, const char* key);
std::uint64_t count_of(const Json& object, const char* key);
const Json& member(const Json& object, const char* key);  // null when it is not there

std::string human_bytes(std::uint64_t bytes);    // "1.5 MiB"
std::string human_span_of_time(double seconds);  // "2d 3h", "1m 30s"
std::string local_time(std::uint64_t unix_ns);   // "14:03:09.120"
std::string counts_text(const Json& object);     // {"a": 1, "b": 2} -> "1 a, 2 b"; "none" when empty

}  // namespace weft::cli
