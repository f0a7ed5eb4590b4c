// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/format.h"
#include "cli/terminal.h"
#include "kernel/kernel.h"

namespace weft::cli {

std::string doctor_text(const KernelReport& report, const Screen& screen);
Json doctor_json(const KernelReport& report);

// "" where there are none.
std::string exporters_text(const std::vector<Probe>& exporters, const Screen& screen);

}  // namespace weft::cli
