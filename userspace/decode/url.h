// SPDX-License-Identifier: Apache-2.0
// Request targets (RFC 9112 section 3.2) and what of them may be kept: the path stays, values of query parameters whose
// name says "secret" become REDACTED (OpenTelemetry guidance for url.query and url.full), user information and
// fragments go.
#pragma once

#include <string>
#include <string_view>

namespace weft {

struct Target {
  std::string_view scheme;     // absolute form only
  std::string_view authority;  // absolute form (user information removed) and CONNECT
  std::string_view path;       // "/users/1", "*"; empty for CONNECT and for an absolute form without path
  std::string_view query;      // without '?'
};
Target split_target(std::string_view method, std::string_view target);

// Is this the name of a parameter (or matrix parameter) whose value is a secret? Percent-encoding, case, '-', '_', '.'
// and brackets of the name do not matter.
bool secret_parameter(std::string_view name);

// A '%' without two hex digits after it stays as it is.
std::string percent_decoded(std::string_view text);

void append_masked_target(std::string_view method, std::string_view target, std::string& out);

}  // namespace weft
