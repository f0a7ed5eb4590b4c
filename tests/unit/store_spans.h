// SPDX-License-Identifier: Apache-2.0
// Spans for the tests of store, routes, API and command line, from a few small numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "span/span.h"

namespace weft {

struct SpanRecipe {
  int trace = 1;
  int span = 1;
  int parent = 0;  // 0: root
  std::uint64_t start_ms = 1000;
  std::uint64_t length_ms = 10;
  std::string service = "orders";
  SpanKind kind = SpanKind::server;
  bool error = false;
  std::string name = "GET /";
  std::string method, route;  // "" = no such attribute
};

template <class Id>
Id id_of(int number) {
  Id id;
  for (std::size_t i = 0; i < 4; ++i) id.bytes[id.bytes.size() - 1 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}
inline TraceId trace_id(int number) { return id_of<TraceId>(number); }

inline SpanPtr make_span(const SpanRecipe& recipe) {
  auto resource = std::make_shared<Resource>();
  resource->service_name = recipe.service;
  resource->attributes.set("service.name", recipe.service);
  auto span = std::make_shared<Span>();
  span->trace_id = trace_id(recipe.trace);
  span->span_id = id_of<SpanId>(recipe.span);
  span->parent_span_id = id_of<SpanId>(recipe.parent);
  span->start_unix_ns = recipe.start_ms * 1'000'000;
  span->end_unix_ns = span->start_unix_ns + recipe.length_ms * 1'000'000;
  span->kind = recipe.kind;
  span->name = recipe.name;
  span->status = recipe.error ? StatusCode::error : StatusCode::unset;
  if (!recipe.method.empty()) span->attributes.set("http.request.method", recipe.method);
  if (!recipe.route.empty()) span->attributes.set("http.route", recipe.route);
  span->resource = std::move(resource);
  return span;
}

}  // namespace weft
