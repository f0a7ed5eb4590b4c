// SPDX-License-Identifier: Apache-2.0
// The agent's own numbers (weft_*) for a scrape. Asked for when scraped, so that nothing is counted twice.
#pragma once

#include <prometheus/collectable.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "exporter/exporter.h"

namespace weft {

// Plain values: the agent fills them from the kernel side, the sinks and discovery. Empty maps show nothing.
struct AgentSnapshot {
  using Pair = std::pair<std::string, std::string>;
  struct MapFill {
    std::uint64_t entries = 0, capacity = 0;
  };
  struct Run {
    std::uint64_t runs = 0;
    std::uint64_t misses = 0;  // left out, because one was running on that processor
    double seconds = 0;
  };

  struct Policy {
    std::string version, origin;  // origin: default, file, inline, api
    std::uint64_t generation = 0, since_unix_ns = 0;
    std::uint64_t applied = 0, refused = 0;  // changes
    bool stale = false;                      // the last change was refused
  };

  std::string version, revision;                // weft_build_info
  std::map<std::string, std::uint64_t> events;  // by type
  std::uint64_t events_lost = 0;
  std::map<Pair, std::uint64_t> errors;  // (program, reason)
  std::map<std::string, MapFill> maps;
  std::map<std::string, Run> programs;             // runs and run time are there only when asked for
  std::map<Pair, std::uint64_t> injections;        // (protocol, result)
  std::map<Pair, std::uint64_t> response_headers;  // (protocol, result); empty: none asked for
  std::map<Pair, std::uint64_t> unenforced;        // (protocol, reason)
  std::map<Pair, std::uint64_t> baggage_members;   // (action, rule)
  Policy policy;
  bool config_stale = false;  // the configuration file as it is now was refused
  std::vector<ExportCounters> exporters;
  std::map<std::string, std::uint64_t> http2_blocks;  // header blocks, by what became of them; empty: no HTTP/2 yet
  std::map<std::string, std::uint64_t> processes;     // by state: traced, seen, refused, instrumented
  std::map<Pair, std::uint64_t> losses;               // (stage, reason): weft_losses_total, user-space drops
  std::uint64_t attached_probes = 0;                  // weft_attached_probes
  struct Sampling {
    std::map<std::string, double> ratios;           // by service
    std::map<std::string, std::uint64_t> kept;      // traces by keep rule
    std::map<std::string, std::uint64_t> not_kept;  // by reason
    std::uint64_t raised_routes = 0;
    bool remote = false;
    std::uint64_t answers = 0, failures = 0;
    double last_answer_unix_seconds = 0;
  } sampling;
};

class AgentMetrics final : public prometheus::Collectable {
 public:
  // `snapshot` is called on the scraping thread.
  explicit AgentMetrics(std::function<AgentSnapshot()> snapshot) : snapshot_(std::move(snapshot)) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::function<AgentSnapshot()> snapshot_;
};

}  // namespace weft
