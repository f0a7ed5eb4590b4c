// SPDX-License-Identifier: Apache-2.0
// The lines of a request's head that are its own (Exchange::request_own), found in one walk. Views into its text.
#pragma once

#include <string_view>
#include <vector>

namespace weft {

struct OwnLines {
  std::string_view traceparent;
  std::string_view x_trace_id;
  std::string_view grpc_timeout;
  std::vector<std::string_view> trace_state;  // header values in order
  std::vector<std::string_view> baggage;
  bool other_context = false;  // ids in a format beside the W3C's

  // Refills the object, so that its memory is used again. `lines` must outlive the views.
  void read(std::string_view lines);
};

}  // namespace weft
