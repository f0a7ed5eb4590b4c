// SPDX-License-Identifier: Apache-2.0
// The series of one duration histogram, found by the text of their label values. Bounded.
#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weft {

// The semantic conventions' advice for durations, in seconds.
inline constexpr std::array<double, 14> duration_buckets{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                                         0.5,   0.75, 1,     2.5,  5,     7.5, 10};

// The value of a label that stands for all those for which there was no series left.
inline constexpr std::string_view other = "~other";

class HistogramTable {
 public:
  struct Numbers {
    std::array<std::uint64_t, duration_buckets.size() + 1> counts{};  // not cumulative; the last is +Inf
    double sum = 0;
  };

  // Labels [0, kept) survive in `~other` series as long as there is room.
  HistogramTable(std::string name, std::string help, std::vector<std::string> labels, std::size_t kept,
                 std::size_t max_series);

  // `key`: the label values in order, each ended by a 0 byte. An empty value means "no such label".
  void observe(std::string_view key, double seconds) { observe(series_of(key), seconds); }
  // The same in two steps, for labels that come again: a series is valid as long as the table.
  struct Series;
  Series& series_of(std::string_view key);
  void observe(Series& series, double seconds);

  std::uint64_t overflowed() const { return overflowed_; }
  std::size_t series() const { return series_.size(); }
  ~HistogramTable();

  // A copy of the numbers that is quick to take under a lock; the text is made later, without it.
  struct Snapshot {
    std::vector<std::pair<std::shared_ptr<const std::string>, Numbers>> series;
    std::uint64_t overflowed = 0;
  };
  Snapshot snapshot() const;
  prometheus::MetricFamily family(const Snapshot& snapshot) const;
  const std::string& name() const { return name_; }

 private:
  Series& add(std::string key, bool of_others);
  std::string overflow_key(std::string_view key, std::size_t kept) const;

  const std::string name_, help_;
  const std::vector<std::string> labels_;
  const std::size_t kept_, max_series_;
  std::vector<std::unique_ptr<Series>> series_;
  std::unordered_map<std::string_view, Series*> by_key_;  // views into Series::key
  std::uint64_t overflowed_ = 0;
};

struct HistogramTable::Series {
  std::shared_ptr<const std::string> key;
  bool of_others = false;  // of all for which there was none left
  Numbers numbers;
};

}  // namespace weft
