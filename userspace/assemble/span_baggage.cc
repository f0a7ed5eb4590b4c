// SPDX-License-Identifier: Apache-2.0
#include "assemble/span_baggage.h"

#include "assemble/attributes.h"
#include "base/utf8.h"
#include "decode/text.h"
#include "decode/url.h"

namespace weft {

void add_baggage_members(std::string_view value, Span& span) {
  while (!value.empty()) {
    std::string_view member = trim(take_until(value, ','));
    const std::string_view key = trim(take_until(member, '='));
    if (key.empty()) continue;
    span.baggage.emplace_back(to_utf8(key), to_utf8(percent_decoded(trim(take_until(member, ';')))));
  }
}

void add_baggage_attributes(const MaskRules& rules, Span& span) {
  for (const std::string& key : rules.baggage_values())
    for (const auto& [name, value] : span.baggage)
      if (name == key && !value.empty() && !span.attributes.find(name))
        add(span.attributes, AttributeKey::copied(name), value);
}

}  // namespace weft
