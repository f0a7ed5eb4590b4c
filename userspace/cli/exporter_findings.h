// SPDX-License-Identifier: Apache-2.0
// Where spans go, as findings of weft doctor: does it work, what was lost, what to do.
#pragma once

#include <vector>

#include "cli/client.h"
#include "kernel/kernel.h"

namespace weft::cli {

// Of the answer to GET /v1/status; one for each exporter.
std::vector<Probe> exporter_findings(const Json& status);

}  // namespace weft::cli
