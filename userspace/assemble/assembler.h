// SPDX-License-Identifier: Apache-2.0
// A finished exchange -> a span by OpenTelemetry's semantic conventions. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "assemble/alike.h"
#include "assemble/http_facts.h"
#include "assemble/own_lines.h"
#include "assemble/resource_source.h"
#include "assemble/route.h"
#include "assemble/wall_clock.h"
#include "correlate/exchange.h"
#include "decode/events.h"
#include "decode/mask.h"
#include "span/span.h"
#include "span/span_pool.h"

namespace weft {

// record = false: for metrics only, never to be exported, stored or shown. That is: not sampled, an ignored route, a
// process that makes its own spans, or a client exchange of which no parent may be claimed (it then has no ids).
struct Assembled {
  SpanPtr span;
  bool record = true;
  bool unsampled = false;  // … and that alone is why it is not recorded: keep rules may say otherwise
};

struct AssembleCounters {
  std::uint64_t spans = 0;  // record = true
  std::uint64_t unsampled = 0;
  std::uint64_t ignored = 0;
  std::uint64_t instrumented = 0;
  std::uint64_t unattributed = 0;  // client exchanges without a parent that may be claimed
};

class Assembler {
 public:
  // All references must outlive the object.
  Assembler(const MaskRules& rules, RouteOptions routes, ResourceSource& resources, const WallClock& clock);

  Assembled assemble(const Exchange& exchange);
  // Of one that is not over: what is known of its span so far, without an end. Null: it is not wanted, which the
  // request alone tells, or is to have none. Counts nothing.
  using Wanted = std::function<bool(const TraceId&, SpanKind, const Resource&)>;
  SpanPtr assemble_open(const Exchange& exchange, const Wanted& wanted);
  // The spans of the messages that left with what was assembled of `exchange`: those go wherever it goes.
  std::vector<Assembled> assemble_messages(const Exchange& exchange, const Assembled& sending);
  // What the event says, as a span for metrics: its times and ids are those of no span.
  SpanPtr assemble(const UnsampledEvent& event);
  Assembled assemble(const MessageEvent& event);
  void count_unsampled() { counters_.unsampled++; }
  void set_routes(RouteOptions routes) {
    routes_ = Routes(std::move(routes));
    forget_alike();
  }
  void forget_alike() { alike_.clear(); }  // what is kept of requests may be another by now
  const AssembleCounters& counters() const { return counters_; }
  std::uint64_t route_overflows() const { return routes_.overflows(); }

 private:
  std::shared_ptr<Span> make_span(const Exchange& exchange);
  void describe_alike(const Exchange& exchange, Span& span);
  bool describe(const Exchange& exchange, Span& span);
  void add_own(const Exchange& exchange, Attributes& attributes);
  std::shared_ptr<const Resource> resource_of(std::uint32_t tgid);
  enum class Fate : std::uint8_t { recorded, instrumented, unattributed, ignored, unsampled };
  Fate fate_of(const Exchange& exchange);
  void decide(const Exchange& exchange, Assembled& assembled);
  void set_context(const Exchange& exchange, Span& span);
  void set_baggage(const Exchange& exchange, Span& span);
  void set_server_attributes(const Exchange& exchange, Span& span);
  void set_client_attributes(const Exchange& exchange, Span& span);
  void set_rpc_attributes(const Exchange& exchange, Span& span);

  const MaskRules& rules_;
  const bool captures_own_;
  Routes routes_;
  ResourceSource& resources_;
  const WallClock& clock_;
  std::shared_ptr<const Resource> unknown_resource_;
  AlikeRequests alike_;
  SpanPool spans_;
  // Of the exchange at hand; kept for their memory:
  OwnLines own_;
  HttpFacts facts_;
  std::string path_;  // as UTF-8
  std::string lines_;
  bool ignored_ = false, rpc_ = false;
  AssembleCounters counters_;
  Exchange unsampled_;  // reused, for its memory
};

}  // namespace weft
