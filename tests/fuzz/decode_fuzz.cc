// SPDX-License-Identifier: Apache-2.0
// Any bytes as an event record: decode, mask and assemble. Invariants: nothing outside the record is read (sanitizers),
// masking twice is masking once, and a masked event gives the span that the event itself gives.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "assemble/pipeline_core.h"
#include "decode/mask.h"

namespace {

using namespace weft;

class NoResources final : public ResourceSource {
 public:
  std::shared_ptr<const Resource> of(pid_t) override { return nullptr; }
};

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "decode_fuzz: %s\n", what);
  std::abort();
}

MaskRules rules() { return MaskRules({"x-kept"}, {"kept"}); }

// The first four bytes are fuzzed more usefully as a whole record's size: it is set right half of the time by the
// input's own length.
std::vector<std::byte> as_record(std::span<const std::byte> input) {
  std::vector<std::byte> record(input.begin(), input.end());
  if (record.size() < sizeof(event_header) || (record.size() & 1)) return record;
  const auto size = static_cast<__u32>(record.size());
  std::memcpy(record.data() + offsetof(event_header, size), &size, sizeof(size));
  const auto set_text = [&](std::size_t struct_bytes, std::size_t at) {
    if (record.size() < struct_bytes) return;
    const auto text = static_cast<__u32>(record.size() - struct_bytes);
    std::memcpy(record.data() + at, &text, sizeof(text));
  };
  const auto type = std::to_integer<unsigned>(record[0]);
  if (type == EVENT_REQUEST) set_text(sizeof(request_event), offsetof(request_event, text_bytes));
  if (type == EVENT_RESPONSE) set_text(sizeof(response_event), offsetof(response_event, text_bytes));
  return record;
}

std::vector<Span> spans_of(const std::vector<std::byte>& record) {
  std::vector<Span> spans;
  ManualClock clock;
  NoResources resources;
  SpanPipeline pipeline({.mask = rules()}, clock, resources, [&](Assembled a) { spans.push_back(*a.span); });
  pipeline.feed(record);
  pipeline.flush();
  return spans;
}

void check(std::span<const std::byte> input) {
  const std::vector<std::byte> record = as_record(input);
  std::vector<std::byte> masked = record;
  if (!mask_event(masked, rules())) {
    require(!decode_event(record).has_value(), "a valid event was not masked");
    return;
  }
  require(decode_event(masked).has_value(), "masking made an invalid event");
  std::vector<std::byte> again = masked;
  require(mask_event(again, rules()) && again == masked, "masking twice is not masking once");
  const std::vector<Span> plain = spans_of(record), replayed = spans_of(masked);
  require(plain.size() == replayed.size(), "masking changed the number of spans");
  for (std::size_t i = 0; i < plain.size(); i++) {
    require(plain[i].name == replayed[i].name, "masking changed the name");
    require(plain[i].attributes == replayed[i].attributes, "masking changed attributes");
    require(plain[i].baggage == replayed[i].baggage, "masking changed baggage");
    require(plain[i].trace_state == replayed[i].trace_state, "masking changed tracestate");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
