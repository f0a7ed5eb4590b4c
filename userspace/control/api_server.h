// SPDX-License-Identifier: Apache-2.0
// The control API: HTTP over a Unix socket of mode 0600 (docs/control-api.md).
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "control/agent_control.h"
#include "pipeline/routes_table.h"
#include "pipeline/store.h"

namespace weft {

struct ApiOptions {
  std::string socket_path;
  std::size_t max_workers = 32;                 // connections served at once; threads are made on demand
  std::size_t max_followers = 16;               // of them, long-lived streams (spans?follow, events); more get 503
  std::size_t follower_spans = 4096;            // queue of one follower of spans
  std::size_t follower_event_bytes = 8u << 20;  // queue of one recorder
};

class ApiServer {
 public:
  // Listens and serves from threads of its own until destroyed; the socket file goes with it. What is referred to
  // outlives the server. A stale socket file is replaced; a live one, a foreign file or an unsafe directory is an
  // error.
  static Result<std::unique_ptr<ApiServer>> start(const ApiOptions& options, AgentControl& agent, TraceStore& store,
                                                  RoutesTable& routes);
  virtual ~ApiServer() = default;
  // Events that recorders were too slow to take, spans likewise: for StatusReport::losses.
  virtual std::uint64_t events_lost() const = 0;
};

}  // namespace weft
