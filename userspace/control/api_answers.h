// SPDX-License-Identifier: Apache-2.0
// How the control API answers (docs/control-api.md): JSON, also when it refuses.
#pragma once

#include <httplib.h>

#include <string>
#include <string_view>

#include "control/api_json.h"

namespace weft {

inline void answer(httplib::Response& response, const std::string& json) {
  response.set_content(json, "application/json");
}

inline void refuse(httplib::Response& response, int status, std::string_view message) {
  response.status = status;
  answer(response, error_json(message));
}

}  // namespace weft
