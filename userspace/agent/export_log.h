// SPDX-License-Identifier: Apache-2.0
// What the log says of an exporter that begins to fail or works again.
#pragma once

#include <cstddef>
#include <string>

#include "exporter/queue.h"

namespace weft {

struct ExportTarget {
  std::string name;      // of the exporter: "otlp-2"
  std::string endpoint;  // URL; empty: the console
  std::string key;       // of the configuration: "exporters.otlp"
  std::size_t queue = 0;
};

// One line: what, and what to do. Without what an URL may hold of credentials.
std::string export_line(const ExportTarget& target, const ExportChange& change);

void log_export(const ExportTarget& target, const ExportChange& change);

}  // namespace weft
