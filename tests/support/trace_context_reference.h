// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::test {

// The rules of docs/formats/trace-context.md once more, in the plainest form, to compare the parsers of bpf/wire with.

struct ReferenceIds {
  int version = 0;
  std::string trace_id;   // 32 hex digits
  std::string parent_id;  // 16 hex digits
  int flags = 0;
  bool zero_id = false;
};
// nullopt: malformed.
std::optional<ReferenceIds> reference_traceparent(const std::string& value);

struct ReferenceTracestate {
  std::string text;
  int dropped = 0;
};
// nullopt: discarded. `ot`: the member of that name gives way to one of so many bytes, which is not in the text.
std::optional<ReferenceTracestate> reference_tracestate(const std::vector<std::string>& lines,
                                                        std::optional<size_t> ot = std::nullopt);

}  // namespace weft::test
