// SPDX-License-Identifier: Apache-2.0
// Two spans that say the same, whoever owns what they say.
#pragma once

#include <doctest/doctest.h>

#include "span/span.h"

namespace weft::testing {

inline void check_same(const Span& a, const Span& b) {
  CHECK(a.trace_id == b.trace_id);
  CHECK(a.span_id == b.span_id);
  CHECK(a.parent_span_id == b.parent_span_id);
  CHECK(a.parent_is_remote == b.parent_is_remote);
  CHECK(a.flags == b.flags);
  CHECK(a.trace_state == b.trace_state);
  CHECK(a.name == b.name);
  CHECK(a.kind == b.kind);
  CHECK(a.start_unix_ns == b.start_unix_ns);
  CHECK(a.end_unix_ns == b.end_unix_ns);
  CHECK(a.status == b.status);
  CHECK(a.status_message == b.status_message);
  CHECK(a.attributes == b.attributes);
  CHECK(a.baggage == b.baggage);
  REQUIRE(a.links.size() == b.links.size());
  for (std::size_t i = 0; i < a.links.size(); i++) {
    CHECK(a.links[i].trace_id == b.links[i].trace_id);
    CHECK(a.links[i].span_id == b.links[i].span_id);
  }
  REQUIRE((a.resource == nullptr) == (b.resource == nullptr));
  if (!a.resource) return;
  CHECK(a.resource->service_name == b.resource->service_name);
  CHECK(a.resource->attributes == b.resource->attributes);
}

}  // namespace weft::testing
