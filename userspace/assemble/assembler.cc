// SPDX-License-Identifier: Apache-2.0
#include "assemble/assembler.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "assemble/attributes.h"
#include "assemble/carried_context.h"
#include "assemble/messaging.h"
#include "assemble/rpc.h"
#include "assemble/span_baggage.h"
#include "assemble/trace_state.h"
#include "base/address.h"
#include "base/utf8.h"
#include "decode/text.h"
#include "decode/url.h"
#include "kernel/names.h"
#include "wire/tls.h"

namespace weft {
namespace {

constexpr std::size_t usual_attributes = 18;  // what glibc still hands out and takes back without a lock
constexpr std::size_t usual_own = 4;

std::shared_ptr<const Resource> make_unknown_resource() {
  auto resource = std::make_shared<Resource>();
  resource->service_name = "unknown_service";
  resource->attributes.set("service.name", resource->service_name);
  resource->attributes.set("telemetry.sdk.name", std::string("weft"));
  return resource;
}

// The table "What an outgoing message already carries": these messages are untouched and get no client span.
bool may_claim_parent(const request_event& request) {
  if (request.attribution == ATTRIBUTION_NONE) return false;
  return request.injection != INJECTION_OWN_HEADER && request.injection != INJECTION_AMBIGUOUS &&
         request.injection != INJECTION_INSTRUMENTED;
}

SpanKind kind_of(const Exchange& exchange) {
  if (exchange.request.protocol == PROTOCOL_KAFKA) return SpanKind::producer;
  return exchange.is_server() ? SpanKind::server : SpanKind::client;
}

bool was_injected(const request_event& request) {
  return request.injection == INJECTION_DONE || request.injection == INJECTION_OVERWRITTEN;
}

// What was not done to an outgoing request.
void add_injection(const request_event& request, Attributes& attributes) {
  if (!was_injected(request) && request.injection != INJECTION_NOT_TRIED)
    add(attributes, "weft.injection", std::string(injection_name(request.injection)));
  if (request.facts & REQUEST_BAGGAGE_UNENFORCED) add(attributes, "weft.baggage", std::string("unenforced"));
}

// A new trace was started here although the message had a valid context of its own (trust_incoming: false).
std::optional<SpanLink> link_to_untrusted(const Exchange& exchange) {
  const __u32 context = exchange.request.facts & (REQUEST_HAS_CONTEXT | REQUEST_INVALID_CONTEXT);
  if (!exchange.is_server() || exchange.request.attribution != ATTRIBUTION_ROOT || context != REQUEST_HAS_CONTEXT)
    return std::nullopt;
  return carried_context("* * *\r\n" + exchange.request_own);
}

// To a route, that is.
bool leads_somewhere(const Exchange& exchange) {
  const int status = exchange.response.status;
  return status != 400 && status != 404 && status != 405 && status != 414;
}

Routes::Unknown unknown_route(const Exchange& exchange) {
  if (!exchange.is_over()) return Routes::Unknown::tell;
  return leads_somewhere(exchange) ? Routes::Unknown::learn : Routes::Unknown::leave_out;
}

std::string_view scheme_of(const Exchange& exchange) {
  return exchange.request.facts & REQUEST_ENCRYPTED ? "https" : "http";
}

// url.full of a client: what a browser would show. Absolute-form targets say it themselves.
std::string full_url(const HttpFacts& facts, std::string_view scheme, std::string_view path,
                     std::string_view peer_address, int peer_port) {
  std::string url;
  url.reserve(facts.authority.size() + path.size() + facts.target.query.size() + 16);
  if (facts.target.scheme.empty())
    url.append(scheme).append("://");
  else
    append_utf8(facts.target.scheme, url), url.append("://");
  if (!facts.authority.empty()) {
    append_utf8(facts.authority, url);
  } else {
    const bool v6 = peer_address.find(':') != std::string_view::npos;
    url.append(v6 ? "[" : "").append(peer_address).append(v6 ? "]" : "");
    if (peer_port != default_http_port) url.append(":").append(std::to_string(peer_port));
  }
  if (path != "*") url.append(path);
  if (!facts.target.query.empty()) url.push_back('?'), append_utf8(facts.target.query, url);
  return url;
}

}  // namespace

Assembler::Assembler(const MaskRules& rules, RouteOptions routes, ResourceSource& resources, const WallClock& clock)
    : rules_(rules),
      captures_own_(rules.captures_own()),
      routes_(std::move(routes)),
      resources_(resources),
      clock_(clock),
      unknown_resource_(make_unknown_resource()) {}

// Of the exchange whose span was just made. Why it gives none: the first reason is the one.
Assembler::Fate Assembler::fate_of(const Exchange& exchange) {
  const request_event& request = exchange.request;
  if (resources_.instrumented(static_cast<pid_t>(request.tgid))) return Fate::instrumented;
  if (!exchange.is_server() && !may_claim_parent(request)) return Fate::unattributed;
  if (ignored_) return Fate::ignored;
  return request.facts & REQUEST_SAMPLED ? Fate::recorded : Fate::unsampled;
}

void Assembler::decide(const Exchange& exchange, Assembled& assembled) {
  const Fate fate = fate_of(exchange);
  assembled.record = fate == Fate::recorded;
  assembled.unsampled = fate == Fate::unsampled;
  switch (fate) {
    case Fate::recorded:
      counters_.spans++;
      break;
    case Fate::instrumented:
      counters_.instrumented++;
      break;
    case Fate::unattributed:
      counters_.unattributed++;
      break;
    case Fate::ignored:
      (exchange.request.facts & REQUEST_SAMPLED ? counters_.ignored : counters_.unsampled)++;
      break;
    case Fate::unsampled:
      counters_.unsampled++;
  }
}

void Assembler::set_context(const Exchange& exchange, Span& span) {
  const request_event& request = exchange.request;
  std::memcpy(span.trace_id.bytes.data(), request.ids.trace_id, sizeof(request.ids.trace_id));
  std::memcpy(span.span_id.bytes.data(), request.ids.span_id, sizeof(request.ids.span_id));
  std::memcpy(span.parent_span_id.bytes.data(), request.ids.parent_span_id, sizeof(request.ids.parent_span_id));
  span.flags = request.trace_flags;
  span.parent_is_remote = request.attribution == ATTRIBUTION_INCOMING;
  if (auto link = link_to_untrusted(exchange)) span.links.push_back(*link);

  lines_.clear();
  const auto join = [&](std::string_view value) { lines_.append(lines_.empty() ? "" : ",").append(value); };
  if (request.attribution == ATTRIBUTION_INCOMING) {
    // tracestate belongs to traceparent: where another format gave the ids it does not count.
    if (!own_.other_context || (own_.traceparent.size() >= 35 && own_.traceparent.substr(3, 32) == span.trace_id.hex()))
      std::for_each(own_.trace_state.begin(), own_.trace_state.end(), join);
  } else if (!exchange.parent_context.empty()) {
    HeaderLines lines(exchange.parent_context);
    for (HeaderLine line; lines.next(line);)
      if (equals_lower(line.name, "tracestate")) join(line.value);
  }
  const bool told = request.facts & REQUEST_THRESHOLD;
  if (told || (request.facts & REQUEST_DECIDED))
    span.trace_state = clean_trace_state(lines_, told ? threshold_member(request.threshold) : std::string());
  else if (!lines_.empty())
    span.trace_state = clean_trace_state(lines_);
}

// The application's own baggage header wins over what was added for it, as on the wire.
void Assembler::set_baggage(const Exchange& exchange, Span& span) {
  for (const std::string_view value : own_.baggage) add_baggage_members(value, span);
  if (own_.baggage.empty() && was_injected(exchange.request) && !exchange.parent_context.empty()) {
    HeaderLines lines(exchange.parent_context);
    for (HeaderLine line; lines.next(line);)
      if (equals_lower(line.name, "baggage")) add_baggage_members(line.value, span);
  }
  add_baggage_attributes(rules_, span);
}

void Assembler::set_server_attributes(const Exchange& exchange, Span& span) {
  Attributes& attributes = span.attributes;
  const std::string_view method = facts_.known_method ? facts_.method : std::string_view("HTTP");
  const std::string_view route = facts_.target.path.starts_with('/')
                                     ? routes_.route(span.resource->service_name, path_, unknown_route(exchange))
                                     : std::string_view{};
  span.name.reserve(method.size() + 1 + route.size());
  span.name.append(method);
  if (!route.empty()) span.name.append(" ").append(route);
  add_method(facts_, attributes);
  if (!path_.empty()) add(attributes, "url.path", path_);
  add(attributes, "url.scheme", std::string(scheme_of(exchange)));
  if (!facts_.target.query.empty()) add(attributes, "url.query", to_utf8(facts_.target.query));
  if (!route.empty()) add(attributes, "http.route", std::string(route));
  add_server_address(facts_, facts_.host.host.empty() ? address_text(exchange.request.local_address) : std::string(),
                     exchange.request.local_port, attributes);
  std::string peer = address_text(exchange.request.peer_address);
  add(attributes, "client.address", peer);
  if (!facts_.user_agent.empty()) add(attributes, "user_agent.original", to_utf8(facts_.user_agent));
  add_message_attributes(exchange, facts_, std::move(peer), attributes);
}

void Assembler::set_client_attributes(const Exchange& exchange, Span& span) {
  Attributes& attributes = span.attributes;
  const request_event& request = exchange.request;
  span.name = facts_.known_method ? facts_.method : std::string_view("HTTP");
  std::string peer = address_text(request.peer_address);
  add_method(facts_, attributes);
  add_server_address(facts_, peer, request.peer_port, attributes);
  if (facts_.method != "CONNECT")  // its target is no URL
    add(attributes, "url.full", full_url(facts_, scheme_of(exchange), path_, peer, request.peer_port));
  add_message_attributes(exchange, facts_, std::move(peer), attributes);
  add_injection(request, attributes);
}

void Assembler::set_rpc_attributes(const Exchange& exchange, Span& span) {
  const request_event& request = exchange.request;
  set_rpc(exchange, facts_, path_, span);
  const std::string peer = address_text(request.peer_address);
  if (exchange.is_server()) {
    add_server_address(facts_, facts_.host.host.empty() ? address_text(request.local_address) : std::string(),
                       request.local_port, span.attributes);
    add(span.attributes, "client.address", peer);
    if (!facts_.user_agent.empty()) add(span.attributes, "user_agent.original", to_utf8(facts_.user_agent));
  } else {
    add_server_address(facts_, peer, request.peer_port, span.attributes);
  }
  add_peer_attributes(exchange, facts_, peer, span.attributes);
  if (!exchange.is_server()) add_injection(request, span.attributes);
}

std::shared_ptr<const Resource> Assembler::resource_of(std::uint32_t tgid) {
  auto resource = resources_.of(static_cast<pid_t>(tgid));
  return resource ? resource : unknown_resource_;
}

// What can be said of a request by those that look like it. False: and by itself alone.
bool Assembler::describe(const Exchange& exchange, Span& span) {
  path_.clear();
  facts_.read(exchange, own_, rules_);
  append_utf8(facts_.target.path, path_);
  if (path_.empty() && !facts_.target.scheme.empty()) path_ = "/";  // RFC 9110 section 4.2.3
  rpc_ = is_grpc(exchange, facts_);
  bool of_all = true;
  span.attributes.items.reserve(usual_attributes);
  if (rpc_) {
    set_rpc_attributes(exchange, span);
  } else if (exchange.is_server()) {
    const std::uint64_t overflows = routes_.overflows();
    set_server_attributes(exchange, span);
    set_outcome(exchange, span);
    if (!leads_somewhere(exchange) || overflows != routes_.overflows()) of_all = false;
  } else {
    set_client_attributes(exchange, span);
    set_outcome(exchange, span);
  }
  ignored_ = routes_.ignored(path_);
  return of_all;
}

void Assembler::describe_alike(const Exchange& exchange, Span& span) {
  if (exchange.response.end != END_COMPLETE || !exchange.is_over()) {  // rare, and each in its own way
    describe(exchange, span);
    return;
  }
  if (const auto* common = alike_.find(exchange, span.resource, captures_own_)) {
    span.name = common->name;
    span.status = common->status;
    span.status_message = common->status_message;
    span.attributes.common = common->attributes;
    span.attributes.items.reserve(usual_own);
    ignored_ = common->ignored;
    rpc_ = common->rpc;
  } else if (describe(exchange, span) && alike_.comes_again()) {
    auto shared = std::make_shared<const CommonAttributes>(std::exchange(span.attributes.items, {}));
    span.attributes.common = shared;
    alike_.keep({span.resource, span.name, span.status, span.status_message, ignored_, rpc_, std::move(shared)});
  }
}

void Assembler::add_own(const Exchange& exchange, Attributes& attributes) {
  add_peer_port(exchange, attributes);
  if (rpc_) return add_messages(exchange, attributes);
  add_sizes(exchange, attributes);
  if (exchange.is_server() && is_opaque_trace_id(own_.x_trace_id))
    add(attributes, "weft.x_trace_id", std::string(own_.x_trace_id));
}

std::shared_ptr<Span> Assembler::make_span(const Exchange& exchange) {
  auto span = spans_.make();
  const request_event& request = exchange.request;
  span->resource = resource_of(request.tgid);
  span->kind = kind_of(exchange);
  span->start_unix_ns = clock_.to_unix_ns(request.header.time_ns);
  span->end_unix_ns = clock_.to_unix_ns(std::max(request.header.time_ns, exchange.response.header.time_ns));
  own_.read(exchange.request_own);
  if (request.protocol == PROTOCOL_KAFKA) {
    span->attributes.items.reserve(usual_attributes);
    set_produced(exchange, *span);
    add_injection(request, span->attributes);
    ignored_ = routes_.ignored({});
  } else {
    describe_alike(exchange, *span);
    add_own(exchange, span->attributes);
  }
  return span;
}

Assembled Assembler::assemble(const Exchange& exchange) {
  auto span = make_span(exchange);
  Assembled assembled;
  decide(exchange, assembled);
  if (exchange.is_server() || may_claim_parent(exchange.request)) set_context(exchange, *span);
  set_baggage(exchange, *span);
  assembled.span = std::move(span);
  return assembled;
}

SpanPtr Assembler::assemble_open(const Exchange& exchange, const Wanted& wanted) {
  const request_event& request = exchange.request;
  TraceId trace;
  std::memcpy(trace.bytes.data(), request.ids.trace_id, sizeof request.ids.trace_id);
  if (!wanted(trace, kind_of(exchange), *resource_of(request.tgid))) return nullptr;
  auto span = make_span(exchange);
  if (fate_of(exchange) != Fate::recorded) return nullptr;
  set_context(exchange, *span);
  set_baggage(exchange, *span);
  span->end_unix_ns = 0;
  return span;
}

std::vector<Assembled> Assembler::assemble_messages(const Exchange& exchange, const Assembled& sending) {
  std::vector<Assembled> messages;
  if (exchange.request.protocol != PROTOCOL_KAFKA || (!sending.record && !sending.unsampled)) return messages;
  for (auto& span : produced_messages(exchange, *sending.span)) {
    add_injection(exchange.request, span->attributes);
    (sending.record ? counters_.spans : counters_.unsampled)++;
    messages.push_back({.span = std::move(span), .record = sending.record, .unsampled = sending.unsampled});
  }
  return messages;
}

Assembled Assembler::assemble(const MessageEvent& event) {
  auto span = spans_.make();
  const MessageFields& fields = event.fields;
  span->resource = resource_of(fields.tgid);
  span->kind = SpanKind::consumer;
  const std::uint64_t received_unix_ns = clock_.to_unix_ns(fields.header.time_ns);
  if (fields.processed_ns) {
    span->start_unix_ns = clock_.to_unix_ns(fields.given_ns);
    span->end_unix_ns = clock_.to_unix_ns(fields.processed_ns);
  } else {
    span->start_unix_ns = clock_.to_unix_ns(std::min(fields.begin_ns, fields.header.time_ns));
    span->end_unix_ns = received_unix_ns;
  }
  span->attributes.items.reserve(usual_attributes);
  set_received(event, received_unix_ns, rules_, *span);
  Assembled assembled;
  assembled.record = false;
  if (resources_.instrumented(static_cast<pid_t>(fields.tgid))) {
    counters_.instrumented++;
  } else if (!(fields.facts & kMessageSampled)) {
    counters_.unsampled++;
    assembled.unsampled = true;
  } else {
    counters_.spans++;
    assembled.record = true;
  }
  assembled.span = std::move(span);
  return assembled;
}

SpanPtr Assembler::assemble(const UnsampledEvent& event) {
  const unsampled_event& fields = event.fields;
  Exchange& exchange = unsampled_;
  exchange = {};
  exchange.request.header.time_ns = fields.start_ns;
  exchange.request.tgid = fields.tgid;
  exchange.request.role = fields.role;
  exchange.request.protocol = fields.protocol;
  exchange.request.facts = fields.facts;
  exchange.request.peer_port = fields.peer_port;
  std::memcpy(exchange.request.peer_address, fields.peer_address, sizeof fields.peer_address);
  exchange.request.injection = INJECTION_NOT_TRIED;
  exchange.response.header.time_ns = fields.header.time_ns;
  exchange.response.status = fields.status;
  exchange.response.end = fields.end;
  mask_request_head(event.text, {}, rules_, OtherHeaders::dropped, exchange.request_head, exchange.request_own);
  auto span = make_span(exchange);
  // Metrics count a trace where it enters a service: a root, or a server.
  span->trace_id.bytes.fill(1);
  if (!(fields.facts & UNSAMPLED_ROOT)) span->parent_span_id.bytes.fill(1);
  return span;
}

}  // namespace weft
