// SPDX-License-Identifier: Apache-2.0
#include "control/api_streams.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>

#include "exporter/console/span_json.h"

namespace weft {
namespace {

using namespace std::chrono_literals;

// How often a stream without data looks whether its reader is still there and the server still wants to run.
constexpr auto kPatience = 200ms;

bool goes_on(const StreamState& state, const httplib::DataSink& sink) { return !state.stopping && sink.is_writable(); }

struct SpanStream {
  std::vector<SpanPtr> first;
  std::shared_ptr<SpanFollower> follower;
  std::shared_ptr<StreamState> state;
  std::shared_ptr<void> place;
  bool started = false;
  std::uint64_t told_lost = 0;

  bool next(httplib::DataSink& sink) {
    std::string text;
    if (!started) {
      for (const auto& span : first) text += span_json(*span) + "\n";
      started = true;
    } else {
      for (const auto& span : follower->take(kPatience)) {
        // Subscribed before the past was read: what arrived in between is in both.
        if (std::find(first.begin(), first.end(), span) == first.end()) text += span_json(*span) + "\n";
      }
      if (!text.empty()) first.clear();
    }
    if (const auto lost = follower->lost(); lost != told_lost) {
      told_lost = lost;
      text += "{\"lost\":" + std::to_string(lost) + "}\n";
    }
    if (!goes_on(*state, sink)) return false;
    return text.empty() || sink.write(text.data(), text.size());
  }
};

// Between the agent's event thread and one recorder's connection. Bounded; what does not fit is counted.
class EventQueue {
 public:
  EventQueue(std::size_t limit_bytes, std::shared_ptr<StreamState> state)
      : limit_bytes_(limit_bytes), state_(std::move(state)) {}

  void offer(EventBytes piece) {
    std::lock_guard lock(mutex_);
    // Resource and clock records are few, and without them later events cannot be read: they get twice the room.
    const std::size_t room = is_event(piece) ? limit_bytes_ : 2 * limit_bytes_;
    if (bytes_.size() + piece.size() > room) {
      ++state_->events_lost;
      return;
    }
    const auto* data = reinterpret_cast<const char*>(piece.data());
    bytes_.append(data, piece.size());
    arrived_.notify_one();
  }

  std::string take(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, patience, [this] { return !bytes_.empty(); });
    return std::exchange(bytes_, {});
  }

 private:
  // A recording's own records have the high bit of the type set (docs/recording.md).
  static bool is_event(EventBytes piece) {
    std::uint16_t type = 0;
    if (piece.size() >= sizeof type) std::memcpy(&type, piece.data(), sizeof type);
    return (type & 0x8000) == 0;
  }

  const std::size_t limit_bytes_;
  const std::shared_ptr<StreamState> state_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::string bytes_;
};

}  // namespace

std::shared_ptr<void> take_stream_place(const std::shared_ptr<StreamState>& state, std::size_t most) {
  if (state->open.fetch_add(1) >= most) {
    --state->open;
    return nullptr;
  }
  return {state.get(), [state](void*) { --state->open; }};
}

void stream_spans(httplib::Response& response, std::vector<SpanPtr> first, std::shared_ptr<SpanFollower> follower,
                  std::shared_ptr<StreamState> state, std::shared_ptr<void> place) {
  auto stream = std::make_shared<SpanStream>();
  stream->first = std::move(first);
  stream->follower = std::move(follower);
  stream->state = std::move(state);
  stream->place = std::move(place);
  response.set_chunked_content_provider("application/x-ndjson",
                                        [stream](std::size_t, httplib::DataSink& sink) { return stream->next(sink); });
}

void stream_events(httplib::Response& response, AgentControl& agent, std::size_t queue_bytes,
                   const std::shared_ptr<StreamState>& state, std::shared_ptr<void> place) {
  auto queue = std::make_shared<EventQueue>(queue_bytes, state);
  std::shared_ptr<EventSubscription> subscription =
      agent.subscribe_events([queue](EventBytes piece) { queue->offer(piece); });
  response.set_chunked_content_provider(
      "application/octet-stream",
      [queue, subscription, state, place = std::move(place)](std::size_t, httplib::DataSink& sink) {
        const std::string bytes = queue->take(kPatience);
        if (!goes_on(*state, sink)) return false;
        return bytes.empty() || sink.write(bytes.data(), bytes.size());
      });
}

}  // namespace weft
