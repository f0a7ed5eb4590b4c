// SPDX-License-Identifier: Apache-2.0
// What the control API asks of the agent. Called from the API's threads: implementations are thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "exporter/exporter.h"
#include "kernel/event_source.h"
#include "kernel/kernel.h"
#include "pipeline/store.h"
#include "sampling/report.h"

namespace weft {

// For whom the requests that a process sent were made.
struct CallReport {
  std::uint64_t with_parent = 0;
  std::uint64_t roots = 0;                              // no request was being served: each began a trace
  std::uint64_t own_context = 0;                        // the application wrote one
  std::map<std::string, std::uint64_t> without_parent;  // by reason, an injection result
};

struct ProcessRow {
  pid_t pid = 0;
  std::string service;
  std::string executable;  // resolved path
  std::string language;
  // traced: spans are made. seen: known, not selected. refused: selected, but not possible. instrumented: has an SDK of
  // its own, metrics only.
  std::string state;
  std::string reason;                  // why it is in this state: for traced ones, what selects it
  std::string task_rule;               // "thread", "none", … what ties requests to work in this process
  std::string task_why;                // … and the evidence for it
  std::string http2_rule;              // the same of its calls over HTTP/2, several of which share a connection; …
  std::string http2_why;               // … empty: it makes none
  std::vector<std::string> protocols;  // seen so far: "http", "http2", "kafka"
  std::uint64_t connections = 0;
  std::uint64_t live_exchanges = 0;
  CallReport calls;
  std::vector<std::string> probes;  // attached for this process; empty: none needed
};

struct StatusReport {
  std::string version;
  pid_t pid = 0;
  std::uint64_t started_unix_ns = 0;
  std::uint64_t uptime_ns = 0;
  bool healthy = true;
  std::vector<std::string> problems;      // one line each; why not healthy, or what needs a look
  std::vector<std::string> restart_keys;  // configuration keys that have changed and need a restart
  std::string kernel_release;
  std::vector<Probe> mechanisms;                          // what this kernel allows, as probe_kernel() found it
  std::map<std::string, std::uint64_t> processes;         // by state name
  std::uint64_t spans_total = 0;                          // finished since start
  double spans_per_second = 0;                            // over the last seconds
  std::map<std::string, std::uint64_t> losses;            // spans or events lost, by reason
  std::map<std::string, std::uint64_t> injections;        // by result
  std::map<std::string, std::uint64_t> response_headers;  // by result; empty: none asked for
  std::map<std::string, std::uint64_t> unenforced;        // own baggage that went out as it was, by reason
  std::vector<ExportCounters> exporters;
  std::string sampler;         // its OpenTelemetry name
  double sampling_ratio = 1;   // of services that nothing names
  std::string policy_version;  // empty: no policy (this version)
};

// A request that waits for its response.
struct OpenSpan {
  SpanPtr span;  // as far as it is known; end_unix_ns is 0
  pid_t pid = 0;
  std::uint64_t open_ns = 0;               // so long by now
  std::optional<StreamProgress> progress;  // HTTP/2
};

// Lives as long as the events are wanted. After the destructor returns the handler is not called any more.
class EventSubscription {
 public:
  virtual ~EventSubscription() = default;
};

class PolicyControl;

class AgentControl {
 public:
  virtual ~AgentControl() = default;
  virtual StatusReport status() = 0;
  virtual std::vector<ProcessRow> processes() = 0;
  // Those of `filter`, the oldest first, `limit` of them. Errors: the agent does not get round to it.
  virtual Result<std::vector<OpenSpan>> open_spans(const SpanFilter& filter, std::size_t limit) = 0;
  // Until the agent ends. Errors: no such process, refused and why; one line.
  virtual Result<void> attach(pid_t pid) = 0;
  virtual Result<void> detach(pid_t pid) = 0;
  // Null: this agent has none.
  virtual PolicyControl* policy() { return nullptr; }
  virtual SamplingReport sampling() = 0;
  // Until the configuration's ratios change; nullopt takes it back. Without a service: for all that nothing names.
  virtual Result<void> set_sampling(std::optional<double> ratio, const std::string& service) = 0;
  // The pieces of a new recording (docs/recording.md), from the agent's event thread: its header first, perhaps during
  // this call, then every kernel event after masking, with resource and clock records. The handler never blocks and
  // copies what it keeps.
  virtual std::unique_ptr<EventSubscription> subscribe_events(EventHandler handler) = 0;
};

}  // namespace weft
