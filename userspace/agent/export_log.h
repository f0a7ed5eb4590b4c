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

// The URL without what it may hold of credentials: neither user and password nor a query.
std::string shown_endpoint(const std::string& endpoint);

// One line: what, and what to do.
std::string export_line(const ExportTarget& target, const ExportChange& change);

void log_export(const ExportTarget& target, const ExportChange& change);

}  // namespace weft
