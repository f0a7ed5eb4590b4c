// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace weft {

// sd_notify(3) without the library: "READY=1", "STOPPING=1" … Does nothing outside systemd.
void notify_service_manager(std::string_view state);

}  // namespace weft
