// SPDX-License-Identifier: Apache-2.0
// The agent's log, on stderr.
#pragma once

#include <spdlog/formatter.h>

#include <memory>

#include "control/config.h"

namespace weft {

// One line a message. As JSON it is one object with `time`, `level` and `message`, whatever the message holds.
std::unique_ptr<spdlog::formatter> log_formatter(LogFormat format);

// From now on; may be called again.
void set_up_log(const Config& config);

}  // namespace weft
