// SPDX-License-Identifier: Apache-2.0
// What the control API answers, as JSON text (docs/control-api.md). Bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/agent_control.h"
#include "pipeline/routes_table.h"
#include "pipeline/store.h"

namespace weft {

std::string status_json(const StatusReport& status, const StoreCounters& store);
std::string processes_json(const std::vector<ProcessRow>& processes);
std::string traces_json(const std::vector<TraceSummary>& traces);
// `open`: of the same trace; one that has ended by now, so that it is among `spans` as well, is left out.
std::string trace_json(const TraceId& id, const std::vector<SpanPtr>& spans, const Result<std::vector<OpenSpan>>& open);
// One line without a newline: the span's shape, and `open` beside it.
std::string open_span_json(const OpenSpan& open);
std::string routes_json(const std::vector<RouteRow>& routes);
std::string error_json(std::string_view message);

}  // namespace weft
