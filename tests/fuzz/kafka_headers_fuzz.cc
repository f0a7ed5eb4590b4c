// SPDX-License-Identifier: Apache-2.0
// Any bytes as the headers of a record: the kernel's reader and the agent's come to the same lines, or to none.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "support/kafka/headers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  for (const char* trace_name : {"", "traceID"})
    if (const std::string wrong = weft::test::kafka::disagreement(raw, trace_name); !wrong.empty()) {
      std::fprintf(stderr, "kafka_headers_fuzz: %s\n", wrong.c_str());
      std::abort();
    }
  return 0;
}
