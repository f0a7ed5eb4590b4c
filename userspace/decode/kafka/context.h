// SPDX-License-Identifier: Apache-2.0
// The context in a record's headers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "decode/kafka/records.h"
#include "span/span.h"
#include "wire/context.h"

namespace weft::kafka {

struct ContextOptions {
  std::vector<__u32> formats = {FORMAT_TRACECONTEXT, FORMAT_B3, FORMAT_B3MULTI, FORMAT_JAEGER,
                                FORMAT_XTRACEID};  // in order of precedence
  bool baggage = true;
  std::string trace_id_header;               // a header that holds a bare trace id; empty: none
  std::vector<std::string> baggage_headers;  // headers that are members of baggage, each by its own name
};

struct RecordContext {
  std::optional<SpanLink> producer;  // the span id is not valid where the format has none
  std::uint8_t flags = 0;            // W3C: sampled, random
  bool decided = false;              // the producer's side decided on sampling
  bool invalid = false;              // malformed or doubled
  std::string lines;                 // "name: value\r\n"…, for what else a span shows of it
};

RecordContext read_context(const std::vector<RecordHeader>& headers, const ContextOptions& options);

}  // namespace weft::kafka
