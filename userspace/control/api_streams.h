// SPDX-License-Identifier: Apache-2.0
// The answers that do not end by themselves: followed spans and the raw events of a recorder. Private to the API
// server.
#pragma once

#include <httplib.h>

#include <atomic>
#include <memory>
#include <vector>

#include "control/agent_control.h"
#include "pipeline/store.h"

namespace weft {

// What the streams of one server share.
struct StreamState {
  std::atomic<bool> stopping = false;
  std::atomic<std::size_t> open = 0;
  std::atomic<std::uint64_t> events_lost = 0;
};

// A place among the long-lived streams; holds as long as it lives. Null: all are taken.
std::shared_ptr<void> take_stream_place(const std::shared_ptr<StreamState>& state, std::size_t most);

// One JSON span a line; {"lost": n} when this reader was too slow for n spans so far. `first` goes out at once.
void stream_spans(httplib::Response& response, std::vector<SpanPtr> first, std::shared_ptr<SpanFollower> follower,
                  std::shared_ptr<StreamState> state, std::shared_ptr<void> place);

// The bytes of a recording, piece by piece.
void stream_events(httplib::Response& response, AgentControl& agent, std::size_t queue_bytes,
                   const std::shared_ptr<StreamState>& state, std::shared_ptr<void> place);

}  // namespace weft
