// SPDX-License-Identifier: Apache-2.0
// The queue in front of an exporter: bounded, batching, retrying, counting. One worker thread for each.
//
// Memory: at most `queue` spans wait and `batch` spans are being sent, however slowly the peer answers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "exporter/exporter.h"
#include "exporter/retry.h"

namespace weft {

// How the worker waits for time to pass. The real one uses the condition variable; tests move a clock instead.
class Waiter {
 public:
  virtual ~Waiter() = default;
  // Returns when `ready()` or when `time` has passed. `lock` is held on entry and on return.
  virtual void wait(std::unique_lock<std::mutex>& lock, std::condition_variable& wake, std::chrono::nanoseconds time,
                    const std::function<bool()>& ready) = 0;
};

// An exporter begins to fail, or works again.
struct ExportChange {
  bool works = false;
  ExportResult::Outcome outcome = ExportResult::Outcome::accepted;  // of what failed
  std::string reason;                                               // … as in ExportResult
  std::string error;                                                // … with its detail, one line
  std::uint64_t lost = 0;  // where it works again: spans that were lost since it last worked
};

struct BatchQueueOptions {
  std::string name;                       // label in metrics; empty = the exporter's own name
  std::string endpoint;                   // as a report may show it
  std::size_t queue = 2048;               // spans that wait
  std::size_t batch = 512;                // spans in one request
  std::chrono::milliseconds delay{1000};  // a span waits no longer than this for its batch to fill
  RetryOptions retry;
  // Told about each span that is lost, on whichever thread loses it; must be quick. For trace health.
  std::function<void(const Span&, std::string_view reason)> on_drop;
  // On the worker's thread, for a log: not with each batch, and at most one failure a minute after it worked again.
  std::function<void(const ExportChange&)> on_change;
};

// Keys of ExportCounters::by_result, in spans:
//   sent                 stored by the peer
//   rejected             partial success: the peer took the batch but not these
//   failed               the peer refused the batch for good
//   dropped_queue_full   newest span, no room
//   dropped_retry        retries used up
//   dropped_too_large    one span that is over the size limit of the peer
//   dropped_shutdown     not sent within the bound of shutdown()
// Once shut down, their sum is the number of spans offered.
class BatchQueue final : public SpanSink {
 public:
  struct Tools {  // what tests replace; each outlives the queue
    const Clock* clock = nullptr;
    Waiter* waiter = nullptr;
    std::function<double()> random;  // in [0, 1)
  };

  explicit BatchQueue(std::unique_ptr<Exporter> exporter, BatchQueueOptions options = {});
  BatchQueue(std::unique_ptr<Exporter> exporter, BatchQueueOptions options, Tools tools);
  ~BatchQueue() override;  // shutdown without time
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  void offer(const SpanPtr& span) override;

  // Sends what waits, without delay, for at most `time`; then cancels what is running and counts the rest as dropped.
  // Spans offered afterwards are dropped. May be called again.
  void shutdown(std::chrono::milliseconds time);
  // The first half of it, for several queues that share one bound: starts the flush and returns at once.
  void start_shutdown(std::chrono::milliseconds time);

  ExportCounters counters() const;

 private:
  struct Counts {
    std::uint64_t sent = 0, rejected = 0, failed = 0, queue_full = 0, retry = 0, too_large = 0, shutdown = 0;
  };
  using Count = std::uint64_t Counts::*;
  using Lock = std::unique_lock<std::mutex>;

  void run();
  void wait_for_spans(Lock& lock);
  void fill_batch(Lock& lock);
  SpanBatch take_batch();  // REQUIRES: mutex_
  void deliver(SpanBatch batch);
  void deliver_part(SpanBatch part, std::vector<SpanBatch>& parts);
  bool settle(const ExportResult& result, SpanBatch& part, std::vector<SpanBatch>& parts);
  void tell_fails(const ExportResult& result);
  void tell_works();
  std::uint64_t lost_spans() const;
  bool wait_until(std::uint64_t monotonic_ns);  // false: there is no time left for that
  void add(Count count, std::size_t spans);
  void lose(const SpanBatch& batch, Count count, std::string_view reason);
  bool out_of_time() const;  // REQUIRES: mutex_
  std::uint64_t now_ns() const { return tools_.clock->monotonic_ns(); }

  std::unique_ptr<Exporter> exporter_;
  const BatchQueueOptions options_;
  SystemClock system_clock_;
  std::unique_ptr<Waiter> own_waiter_;
  Tools tools_;
  // Worker only.
  std::uint64_t not_before_ns_ = 0;       // Retry-After holds for the peer, not for one batch
  bool told_failing_ = false;             // by on_change, and not since that it works again …
  std::optional<std::uint64_t> told_ns_;  // … which was told then
  std::uint64_t lost_before_ = 0;         // spans, when it last worked

  mutable std::mutex mutex_;
  std::condition_variable wake_;   // worker: spans, a full batch, shutdown
  std::condition_variable ended_;  // shutdown(): the worker is through
  std::vector<SpanPtr> ring_;      // fixed size
  std::size_t head_ = 0, size_ = 0;
  std::uint64_t oldest_ns_ = 0;    // arrival of the first span of the next batch
  std::uint64_t deadline_ns_ = 0;  // counts when stopping_
  bool stopping_ = false, cancelled_ = false, done_ = false;
  Counts counts_;
  std::string last_error_;
  std::thread worker_;  // last: starts when all else is there
};

}  // namespace weft
