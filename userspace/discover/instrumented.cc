// SPDX-License-Identifier: Apache-2.0
#include "discover/instrumented.h"

#include <algorithm>
#include <cstring>

namespace weft {
namespace {

constexpr std::size_t kMaxProcesses = 4096;
// Single strays over a long life are no evidence: a received id may have been forgotten by then.
constexpr std::uint64_t kEvidenceLasts_ns = 600'000'000'000;

// Never 0, which marks a free slot.
std::uint64_t key_of(pid_t pid, const SpanId& id) {
  std::uint64_t key = 0;
  std::memcpy(&key, id.bytes.data(), sizeof(key));
  key ^= static_cast<std::uint64_t>(pid) * 0x9e3779b97f4a7c15u;
  key ^= key >> 29;
  key *= 0xbf58476d1ce4e5b9u;
  key ^= key >> 32;
  return key | 1;
}

}  // namespace

void InstrumentedDetector::RecentIds::add(pid_t pid, const SpanId& id) {
  const std::uint64_t key = key_of(pid, id);
  const auto bucket = slots_.begin() + static_cast<std::ptrdiff_t>((key >> 1) % kBuckets * kWays);
  if (std::find(bucket, bucket + kWays, key) != bucket + kWays) return;
  std::shift_right(bucket, bucket + kWays, 1);
  *bucket = key;
}

bool InstrumentedDetector::RecentIds::contains(pid_t pid, const SpanId& id) const {
  const std::uint64_t key = key_of(pid, id);
  const auto bucket = slots_.begin() + static_cast<std::ptrdiff_t>((key >> 1) % kBuckets * kWays);
  return std::find(bucket, bucket + kWays, key) != bucket + kWays;
}

InstrumentedDetector::InstrumentedDetector(const Clock& clock) : clock_(clock) {}

InstrumentedDetector::Evidence& InstrumentedDetector::evidence_of(pid_t pid) {
  if (evidence_.size() >= kMaxProcesses && !evidence_.contains(pid)) evidence_.erase(evidence_.begin());
  return evidence_[pid];
}

std::string InstrumentedDetector::saw(const SeenRequest& request) {
  if (!request.parent.valid() || (request.outgoing && !request.foreign_parent)) return {};
  const std::scoped_lock lock(mutex_);
  if (request.outgoing) return saw_foreign_parent(request);
  received_.add(request.pid, request.parent);
  return {};
}

std::string InstrumentedDetector::saw_foreign_parent(const SeenRequest& request) {
  if (received_.contains(request.pid, request.parent)) return {};
  Evidence& evidence = evidence_of(request.pid);
  const std::uint64_t now_ns = clock_.monotonic_ns();
  if (now_ns - evidence.last_ns > kEvidenceLasts_ns) evidence.count = 0;
  evidence.last_ns = now_ns;
  // A library makes a new id for each call; one id again and again is a copied constant.
  const auto end = evidence.parents.begin() + evidence.count;
  if (std::find(evidence.parents.begin(), end, request.parent) != end) return {};
  evidence.parents[evidence.count++] = request.parent;
  if (evidence.count < evidence.parents.size()) return {};
  evidence.count = 0;
  return "its calls carry span ids that it made itself";
}

void InstrumentedDetector::forget(pid_t pid) {
  const std::scoped_lock lock(mutex_);
  evidence_.erase(pid);
}

}  // namespace weft
