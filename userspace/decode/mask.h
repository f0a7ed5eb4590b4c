// SPDX-License-Identifier: Apache-2.0
// What of a message head may be kept. Applied before anything is stored, recorded, logged or exported, and only here:
// an allow-list of header values stays, of every other header the name stays and the value becomes "-"; baggage is
// reduced to its keys; secrets leave the request target (decode/url.h). Masking twice changes nothing, so what a
// recording gives on replay is what the live agent saw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace weft {

class MaskRules {
 public:
  MaskRules() = default;
  // capture.headers: names (any case) whose values are kept as well, in requests and responses.
  // spans.baggage_attributes: baggage keys whose values are kept.
  MaskRules(std::vector<std::string> captured_headers, std::vector<std::string> baggage_values);

  // own: a value that stays and that requests which are alike for the rest do not share.
  enum class Keep : std::uint8_t { name, value, own, tracestate, baggage };
  Keep header(std::string_view name) const;
  bool keeps_baggage_value(std::string_view key) const;
  // Further keys whose values are kept (the policy's `low_cardinality`); empty: none.
  void show_baggage_values(std::function<bool(std::string_view key)> shown) { shown_ = std::move(shown); }
  const std::vector<std::string>& captured_headers() const { return captured_; }  // lower case
  bool captures_own() const;  // one of them is among a request's own
  const std::vector<std::string>& baggage_values() const { return baggage_values_; }

 private:
  std::vector<std::string> captured_;
  std::vector<std::string> baggage_values_;
  std::function<bool(std::string_view)> shown_;
};

// What happens to headers whose value may not be kept: a recording shows their names, a span has no use for them.
enum class OtherHeaders : std::uint8_t { name_stays, dropped };

// All append. Lines of baggage that the kernel has masked go; `baggage`, as the policy left it, becomes a line of its
// own. The first returns whether the head has a tracestate or baggage header then. `own` may be `out`; if it is not,
// the lines that a request does not share with others like it (context, baggage, time-out, length) go there.
bool mask_request_head(std::string_view text, std::string_view baggage, const MaskRules& rules, OtherHeaders others,
                       std::string& out, std::string& own);
void mask_response_head(std::string_view text, const MaskRules& rules, OtherHeaders others, std::string& out);

// Header lines of a message's context.
void mask_context_lines(std::string_view lines, const MaskRules& rules, std::string& out);

// What of a request's text may be kept: a Produce request is told of without what is in it.
struct RequestEvent;
bool mask_request(const RequestEvent& event, const MaskRules& rules, OtherHeaders others, std::string& out,
                  std::string& own);

// One whole record of bpf/wire/events.h, changed in place to one of the same layout: text masked, text_bytes and size
// adjusted, padding behind the text cut off. False: not a valid event, not to be kept (`record` is cleared).
bool mask_event(std::vector<std::byte>& record, const MaskRules& rules);

}  // namespace weft
