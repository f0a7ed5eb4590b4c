// SPDX-License-Identifier: Apache-2.0
// The kernel side as one object: programs loaded and attached, maps as typed calls. Sole user of libbpf.
// Everything it created is gone when it is destroyed, and also when the process dies: no pins, links held by fds only.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernel/event_source.h"
#include "kernel/policy_maps.h"
#include "wire/sampling.h"

namespace weft {

// One entry of propagation.destinations, merged: the longest matching prefix decides.
struct DestinationRule {
  std::uint8_t address[16];  // network order, IPv4 as v4-mapped IPv6
  unsigned prefix_bits = 0;  // of 128
  bool context = true;
  bool baggage = true;
  bool operator==(const DestinationRule&) const = default;
};

// Flavours of the receive and send hooks: the same handler, other places in the kernel. automatic: the first that
// works.
enum class CaptureHook : std::uint8_t { automatic = 0, tp_btf, fentry, kprobe };
std::string_view capture_hook_name(CaptureHook hook);

// Formats of propagation, as enum context_format of the wire contract.
enum class ContextFormat : std::uint8_t { tracecontext = 0, b3, b3multi, jaeger, xtraceid, baggage };

// propagation.*, as the kernel programs need it.
struct PropagationOptions {
  // Read, in order of precedence, and written. Baggage stands among them, its place does not matter.
  std::vector<ContextFormat> extract = {ContextFormat::tracecontext, ContextFormat::baggage, ContextFormat::b3,
                                        ContextFormat::b3multi,      ContextFormat::jaeger,  ContextFormat::xtraceid};
  std::vector<ContextFormat> inject = {ContextFormat::tracecontext, ContextFormat::baggage};  // empty: nothing at all
  bool inject_http2 = true;            // … into HTTP/2 as well: propagation.protocols has grpc
  bool inject_kafka = true;            // … and into Kafka: it has kafka
  bool kafka_singles = false;          // baggage in records is one header a member
  std::uint32_t kafka_each_most = 0;   // up to so many records that are sent together have a span each
  bool kafka_topics = false;           // only records of some topics are changed: KafkaCallerNotes::choose_kafka_topic
  std::uint32_t kafka_batch_most = 0;  // no batch becomes longer than this; 0: whatever its length
  bool trust_incoming = true;
  std::vector<DestinationRule> destinations;  // empty = any
  bool operator==(const PropagationOptions&) const = default;
};

// Headers that responses get: propagation.response_header.
struct AnswerHeaders {
  bool x_trace_id = false, traceresponse = false;
  bool any() const { return x_trace_id || traceresponse; }
  bool operator==(const AnswerHeaders&) const = default;
};

struct KernelOptions {
  CaptureHook capture = CaptureHook::automatic;
  std::uint32_t ring_bytes = 4u << 20;  // power of two
  std::uint32_t max_connections = 65536;
  std::uint32_t header_bytes = 4096;  // head text sent up per request, at most
  bool response_text = false;         // send response heads up too (capture.headers is not empty)
  PropagationOptions propagation;
  AnswerHeaders answer_headers;  // any: accepted sockets of traced processes become members, too
  // Of the ids of a record that is consumed, which the agent makes as well: wire/kafka_record_id.h.
  std::array<std::uint64_t, 2> record_key{};
  std::string trace_id_header;  // of a record, with a bare trace id; empty: none
  bool go_consumers = false;    // KafkaCallerNotes::follow_go_consumers is to be used
  bool enrol = true;            // false: observe only, no sk_msg at all
  std::uint64_t idle_timeout_ns = 60'000'000'000;
  std::uint64_t stream_timeout_ns = 3'660'000'000'000;  // the same where a connection's streams may be silent: HTTP/2
  std::uint64_t bulk_bytes = 8u << 20;                  // body bytes after which a bulk sender is let go
  std::string cgroup;                                   // cgroup v2 mount; empty = found in /proc/mounts
  bool stats = false;                                   // kernel.bpf_stats_enabled while this object lives
  bool discard_events = false;                          // measurement: everything but the writing to the ring
  bool late_at_need = false;  // what few processes need is loaded with the first, not after the start
  bool operator==(const KernelOptions&) const = default;
};

enum class TaskRule : std::uint8_t { automatic = 0, thread = 1, none = 2 };

// What discovery decided for one process.
struct ProcessSettings {
  TaskRule task = TaskRule::automatic;
  bool never_enrol = false;   // observed, never changed (FIONREAD, propagation.never_enrol)
  bool instrumented = false;  // has an SDK of its own: metrics only, nothing injected
  bool orphans_root = true;
  bool blocking_known = false;  // automatic: a known thread-per-request server, O_NONBLOCK is no evidence of a loop
  PolicyIdentity identity;      // chooses what of the baggage policy is for it
  std::string service;          // its name
  std::uint32_t sampling_service = 0;  // … and its number in the sampling table (Kernel::set_sampling)
};

// What the kernel learned about one process (weft ps).
struct ProcessFindings {
  bool event_loop = false;          // some thread was found to run an event loop
  bool nonblocking_server = false;  // … because its server sockets do not block
  bool overlapping = false;         // … because one thread held two requests at once
  bool inherits = false;            // thread start site learned
  bool kafka_blocks = false;        // calls that produce Kafka records may wait for room: nothing is noted of them
  bool kafka_shared = false;        // several threads are given records of one consumer: whose they are is not known
  bool kafka_unread = false;        // the context of a record that it consumed could not be read
  bool inherit_off = false;         // … switched off for good
  bool http2_writer = false;        // one thread writes a connection's requests alone, and has served for twenty
  bool http2_writers = false;       // several write those of one connection
  bool grpc_core = false;           // for whom it calls by C-core is noted
  bool grpc_server = false;         // grpc++ says which request a thread serves
  std::uint64_t live_exchanges = 0;
  std::uint64_t connections = 0;
};

// What has gone either way of an HTTP/2 stream so far.
struct StreamProgress {
  std::uint64_t request_bytes = 0, response_bytes = 0;
  std::optional<std::uint32_t> request_messages, response_messages;  // as gRPC frames them, where that is what it is
};

struct KernelCounters {
  std::map<std::string, std::uint64_t> events;  // by type: weft_bpf_events_total
  std::uint64_t events_lost = 0;
  struct Key {
    std::string program, reason;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, std::uint64_t> errors;                                              // weft_bpf_errors_total
  using ByProtocol = std::map<std::pair<std::string, std::string>, std::uint64_t>;  // protocol, and what happened
  ByProtocol injections;                                                            // by result: weft_injections_total
  std::map<std::string, std::uint64_t> response_headers;  // by result: weft_response_headers_total
  ByProtocol unenforced;  // baggage that went out unjudged or against the policy, by reason
  struct MapFill {
    std::uint64_t entries = 0, capacity = 0;
  };
  std::map<std::string, MapFill> maps;
  struct Run {
    std::uint64_t runs = 0, ns = 0, recursion_misses = 0, verified_instructions = 0;
  };
  std::map<std::string, Run> programs;
};

// One mechanism of this kernel, tried for real (weft doctor).
struct Probe {
  std::string name;  // "BTF", "lockdown", "cgroup v2", "sk_msg", "FIONREAD" …
  enum class State { works, limited, missing } state = State::missing;
  std::string finding;  // what was found
  std::string effect;   // what weft will therefore use or not do
  std::string remedy;   // how to get more; may be empty
};
struct KernelReport {
  std::string release;
  std::vector<Probe> probes;
  bool usable = false;                           // weftd can run here
  CaptureHook capture = CaptureHook::automatic;  // the flavour that works; automatic: none
  bool fionread_broken =
      false;           // membership breaks FIONREAD (upstream 929e30f93125): known programs are never enrolled
  std::string reason;  // not usable: one sentence, what and what to do
};
// A given flavour of the hooks is the only one tried.
KernelReport probe_kernel(CaptureHook wanted = CaptureHook::automatic, const std::string& cgroup = {});
// Can sockets become members, so that requests are changed?
bool can_enrol(const KernelReport& report);
// Where it is usable so far: the programs of the agent themselves, with nothing to trace.
void try_programs(KernelReport& report);

class Kernel {
 public:
  // Errors are one line for the user. REQUIRES: root or the capabilities that probe_kernel names.
  static Result<std::unique_ptr<Kernel>> load(const KernelOptions& options);
  virtual ~Kernel() = default;

  virtual EventSource& events() = 0;
  virtual Result<void> trace(pid_t tgid, const ProcessSettings& settings) = 0;  // also changes settings
  // Replaces the live sampling table as a whole. From any thread.
  virtual Result<void> set_sampling(const sampling_table& table) = 0;
  // Holds from the next message on, also on connections that are open. From one thread.
  virtual Result<void> set_propagation(const PropagationOptions& propagation) = 0;
  virtual void untrace(pid_t tgid) = 0;  // sockets leave the hash, open exchanges end
  virtual std::map<pid_t, ProcessFindings> findings() = 0;
  virtual void release_socket(std::uint64_t connection_id) = 0;
  virtual void release_members(pid_t tgid) = 0;  // all of a process; they stay observed
  // Puts a socket of that process into the hash, as a SOCKET_ENROL event asks for: its descriptor there, checked by the
  // socket cookie; with `for_answers`, as SOCKET_ENROL_ANSWERS does, into that of accepted ones. In the order of events
  // with release_socket. False: it is gone, or the kernel refuses.
  virtual bool enrol_socket(pid_t tgid, int fd, std::uint64_t connection_id, bool for_answers = false) = 0;
  virtual void sweep() = 0;  // ends exchanges that have been idle for idle_timeout; call every few seconds
  // Nothing: it is over, or not followed. From any thread.
  virtual std::optional<StreamProgress> stream_progress(std::uint64_t connection_id, std::uint32_t stream) = 0;
  virtual KernelCounters counters() = 0;
  virtual void stop_changing() = 0;  // first step of shutdown: no more injection, members released
  // Notice FIONREAD in this process (process event PROCESS_FIONREAD): its libc and the file offset of ioctl there.
  virtual Result<void> watch_ioctl(pid_t tgid, const std::string& libc, std::uint64_t offset) = 0;
  virtual void unwatch_ioctl(pid_t tgid) = 0;
  // Some programs are loaded behind load(): waits for them, and says whether all were taken.
  virtual Result<void> loaded_late() = 0;
  // After load() everything passes, within the limits of W3C: publish a rule set before the first process is traced.
  virtual PolicyMaps& policy() = 0;
};

}  // namespace weft
