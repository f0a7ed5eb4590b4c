// SPDX-License-Identifier: Apache-2.0
#include "exporter/queue.h"

#include <pthread.h>

#include <algorithm>
#include <random>
#include <utility>

#include "base/fetch.h"
#include "exporter/signals_blocked.h"

namespace weft {
namespace {

class RealWaiter final : public Waiter {
 public:
  void wait(std::unique_lock<std::mutex>& lock, std::condition_variable& wake, std::chrono::nanoseconds time,
            const std::function<bool()>& ready) override {
    wake.wait_for(lock, std::min<std::chrono::nanoseconds>(time, std::chrono::hours(1)), ready);
  }
};

BatchQueueOptions checked(BatchQueueOptions options, const Exporter& exporter) {
  if (options.name.empty()) options.name = exporter.name();
  options.queue = std::max<std::size_t>(options.queue, 1);
  options.batch = std::clamp<std::size_t>(options.batch, 1, options.queue);
  return options;
}

std::function<double()> default_random() {
  return [engine = std::minstd_rand(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(engine);
  };
}

std::string describe(const ExportResult& result) {
  std::string text = result.reason;
  if (!result.detail.empty()) text += ": " + result.detail;
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';  // one line
  return text;
}

// After a line that an exporter works again: one that fails now and then is to leave the log readable.
constexpr std::uint64_t kQuiet_ns = 60'000'000'000;

// Much was done since they were looked at: the next ones are on their way while one is let go.
void let_go(SpanBatch& batch) {
  for (std::size_t i = 0; i < batch.size(); i++) {
    if (i + 4 < batch.size()) fetch_to_write(batch[i + 4].get(), sizeof(Span));
    batch[i].reset();
  }
}

std::uint64_t nanoseconds(std::chrono::nanoseconds time) { return static_cast<std::uint64_t>(time.count()); }

}  // namespace

BatchQueue::BatchQueue(std::unique_ptr<Exporter> exporter, BatchQueueOptions options)
    : BatchQueue(std::move(exporter), std::move(options), Tools{}) {}

BatchQueue::BatchQueue(std::unique_ptr<Exporter> exporter, BatchQueueOptions options, Tools tools)
    : exporter_(std::move(exporter)),
      options_(checked(std::move(options), *exporter_)),
      own_waiter_(std::make_unique<RealWaiter>()),
      tools_(std::move(tools)),
      ring_(options_.queue) {
  if (tools_.clock == nullptr) tools_.clock = &system_clock_;
  if (tools_.waiter == nullptr) tools_.waiter = own_waiter_.get();
  if (!tools_.random) tools_.random = default_random();
  const SignalsBlocked blocked;
  worker_ = std::thread([this] { run(); });
  pthread_setname_np(worker_.native_handle(), ("weft-" + options_.name).substr(0, 15).c_str());
}

BatchQueue::~BatchQueue() { shutdown(std::chrono::milliseconds(0)); }

void BatchQueue::offer(const SpanPtr& span) {
  const char* lost = nullptr;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      counts_.shutdown++;
      lost = "shutdown";
    } else if (size_ == ring_.size()) {
      counts_.queue_full++;
      lost = "queue_full";
    } else {
      if (size_ == 0) oldest_ns_ = now_ns();
      ring_[(head_ + size_) % ring_.size()] = span;
      size_++;
      wake = size_ == 1 || size_ == options_.batch;
    }
  }
  if (wake) wake_.notify_one();
  if (lost != nullptr && options_.on_drop) options_.on_drop(*span, lost);
}

void BatchQueue::start_shutdown(std::chrono::milliseconds time) {
  const std::lock_guard lock(mutex_);
  if (!stopping_) deadline_ns_ = now_ns() + nanoseconds(time);
  stopping_ = true;
  wake_.notify_all();
}

void BatchQueue::shutdown(std::chrono::milliseconds time) {
  start_shutdown(time);
  {
    Lock lock(mutex_);
    ended_.wait_for(lock, time, [this] { return done_; });
    cancelled_ = true;
  }
  exporter_->cancel();
  wake_.notify_all();
  if (worker_.joinable()) worker_.join();
}

ExportCounters BatchQueue::counters() const {
  const std::lock_guard lock(mutex_);
  return {.exporter = options_.name,
          .by_result = {{"sent", counts_.sent},
                        {"rejected", counts_.rejected},
                        {"failed", counts_.failed},
                        {"dropped_queue_full", counts_.queue_full},
                        {"dropped_retry", counts_.retry},
                        {"dropped_too_large", counts_.too_large},
                        {"dropped_shutdown", counts_.shutdown}},
          .queued = size_,
          .queue_limit = ring_.size(),
          .last_error = last_error_,
          .endpoint = options_.endpoint};
}

void BatchQueue::run() {
  Lock lock(mutex_);
  while (true) {
    wait_for_spans(lock);
    if (size_ == 0) break;  // stopping and empty
    fill_batch(lock);
    SpanBatch batch = take_batch();
    lock.unlock();
    deliver(std::move(batch));
    lock.lock();
  }
  lock.unlock();
  exporter_->idle(true);
  lock.lock();
  done_ = true;
  ended_.notify_all();
}

void BatchQueue::wait_for_spans(Lock& lock) {
  const auto ready = [this] { return size_ != 0 || stopping_; };
  do {
    lock.unlock();
    const auto again = exporter_->idle(false);
    lock.lock();
    if (ready()) return;
    if (again)
      tools_.waiter->wait(lock, wake_, *again, ready);
    else
      wake_.wait(lock, ready);
  } while (!ready());
}

void BatchQueue::fill_batch(Lock& lock) {
  const std::uint64_t due = oldest_ns_ + nanoseconds(options_.delay);
  const auto ready = [this] { return size_ >= options_.batch || stopping_; };
  for (std::uint64_t now = now_ns(); !ready() && now < due; now = now_ns())
    tools_.waiter->wait(lock, wake_, std::chrono::nanoseconds(due - now), ready);
}

SpanBatch BatchQueue::take_batch() {
  SpanBatch batch;
  batch.reserve(std::min(size_, options_.batch));
  while (size_ != 0 && batch.size() < options_.batch) {
    batch.push_back(std::move(ring_[head_]));
    head_ = (head_ + 1) % ring_.size();
    size_--;
  }
  oldest_ns_ = now_ns();  // what is left came while this batch filled
  return batch;
}

void BatchQueue::deliver(SpanBatch batch) {
  std::vector<SpanBatch> parts;
  parts.push_back(std::move(batch));
  while (!parts.empty()) {
    SpanBatch part = std::move(parts.back());
    parts.pop_back();
    deliver_part(std::move(part), parts);
  }
}

void BatchQueue::deliver_part(SpanBatch part, std::vector<SpanBatch>& parts) {
  if (!wait_until(not_before_ns_)) return lose(part, &Counts::shutdown, "shutdown");
  const std::uint64_t start = now_ns();
  for (unsigned attempt = 1;; attempt++) {
    const ExportResult result = exporter_->send(part);
    if (settle(result, part, parts)) return let_go(part);
    const auto pause = result.retry_after ? retry_after_pause(options_.retry, *result.retry_after, tools_.random())
                                          : backoff(options_.retry, attempt, tools_.random());
    const std::uint64_t due = now_ns() + nanoseconds(pause);
    if (result.retry_after) not_before_ns_ = due;
    if (due - start > nanoseconds(options_.retry.max_elapsed)) return lose(part, &Counts::retry, "retry");
    if (!wait_until(due)) return lose(part, &Counts::shutdown, "shutdown");
  }
}

// True when nothing is left to do for this part.
bool BatchQueue::settle(const ExportResult& result, SpanBatch& part, std::vector<SpanBatch>& parts) {
  using Outcome = ExportResult::Outcome;
  const bool whole = result.outcome == Outcome::accepted && result.rejected_spans == 0;
  {
    const std::lock_guard lock(mutex_);
    last_error_ = whole ? "" : describe(result);
  }
  if (whole) {
    tell_works();
  } else if (result.outcome != Outcome::too_large || part.size() == 1) {
    tell_fails(result);
  }
  if (result.outcome == Outcome::retry) return false;
  if (result.outcome == Outcome::accepted) {
    const std::size_t rejected = std::min(result.rejected_spans, part.size());
    add(&Counts::sent, part.size() - rejected);
    add(&Counts::rejected, rejected);
  } else if (result.outcome == Outcome::refused) {
    lose(part, &Counts::failed, "failed");
  } else if (part.size() == 1) {
    lose(part, &Counts::too_large, "too_large");
  } else {
    const auto middle = part.begin() + static_cast<std::ptrdiff_t>(part.size() / 2);
    parts.emplace_back(middle, part.end());
    parts.emplace_back(part.begin(), middle);
  }
  return true;
}

void BatchQueue::tell_fails(const ExportResult& result) {
  if (told_failing_ || (told_ns_ && now_ns() - *told_ns_ < kQuiet_ns)) return;
  {
    const std::lock_guard lock(mutex_);
    if (cancelled_) return;  // by shutdown()
  }
  told_failing_ = true;
  if (options_.on_change)
    options_.on_change({.outcome = result.outcome, .reason = result.reason, .error = describe(result)});
}

void BatchQueue::tell_works() {
  const std::uint64_t lost = lost_spans();
  const std::uint64_t before = std::exchange(lost_before_, lost);
  if (!std::exchange(told_failing_, false)) return;
  told_ns_ = now_ns();
  if (options_.on_change) options_.on_change({.works = true, .lost = lost - before});
}

std::uint64_t BatchQueue::lost_spans() const {
  const std::lock_guard lock(mutex_);
  return counts_.rejected + counts_.failed + counts_.queue_full + counts_.retry + counts_.too_large + counts_.shutdown;
}

bool BatchQueue::wait_until(std::uint64_t monotonic_ns) {
  Lock lock(mutex_);
  while (true) {
    const std::uint64_t now = now_ns();
    if (out_of_time() || (stopping_ && monotonic_ns > std::max(now, deadline_ns_))) return false;
    if (now >= monotonic_ns) return true;
    const bool stopping = stopping_;
    tools_.waiter->wait(lock, wake_, std::chrono::nanoseconds(monotonic_ns - now),
                        [&] { return stopping_ != stopping || cancelled_; });
  }
}

void BatchQueue::add(Count count, std::size_t spans) {
  const std::lock_guard lock(mutex_);
  counts_.*count += spans;
}

void BatchQueue::lose(const SpanBatch& batch, Count count, std::string_view reason) {
  add(count, batch.size());
  if (!options_.on_drop) return;
  for (const SpanPtr& span : batch) options_.on_drop(*span, reason);
}

bool BatchQueue::out_of_time() const { return cancelled_ || (stopping_ && now_ns() >= deadline_ns_); }

}  // namespace weft
