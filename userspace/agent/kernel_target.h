// SPDX-License-Identifier: Apache-2.0
// Carries discovery's decisions to the kernel programs, tells Go's goroutines apart, has noted for whom Kafka records
// are produced and which one a task works for, and watches for FIONREAD where membership breaks it.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "agent/goroutine_rest.h"
#include "agent/grpc_core_follower.h"
#include "agent/openssl_follower.h"
#include "discover/process_target.h"
#include "kernel/goroutines.h"
#include "kernel/kafka_callers.h"
#include "kernel/kernel.h"
#include "runtime/go_program.h"
#include "runtime/libc_ioctl.h"
#include "runtime/librdkafka.h"
#include "sampling/controller.h"

namespace weft {

class KernelTarget final : public ProcessTarget {
 public:
  struct Options {
    bool watch_fionread = false;  // traced processes get a probe on ioctl
    bool openssl = true;          // … and in their OpenSSL
    std::string no_records;       // why what is done for a record that was consumed cannot be followed; empty: it can
  };
  // The references outlive the object.
  KernelTarget(Kernel& kernel, SamplingController& sampling, const Clock& clock, Options options)
      : kernel_(kernel),
        sampling_(sampling),
        goroutines_(goroutine_tracer(kernel)),
        kafka_notes_(kafka_caller_notes(kernel)),
        options_(std::move(options)),
        openssl_(openssl_tracer(kernel), clock, options_.openssl),
        grpc_core_(grpc_core_tracer(kernel)),
        rest_(
            goroutines_, clock, [this](pid_t pid, bool rests) { rests_now(pid, rests); },
            [this](pid_t pid) { leave_alone(pid); }) {}

  Result<void> trace(pid_t pid, const ProcessSettings& settings) override;
  void untrace(pid_t pid) override;
  void speaks_kafka(pid_t pid) override;
  bool attach_late() override;
  // Whose calls were made for whom; belongs to the thread of attach_late. Until it is told, nobody rests.
  std::function<const CallsByProcess&()> calls;
  // From any thread.
  bool watches(pid_t pid) const;
  // Of a Go process: its version, or why its goroutines cannot be told apart. Of a hidden one: why that is not known.
  struct GoState {
    std::uint32_t executed = 0;  // for which of its programs
    bool traced = false;
    bool hidden = false;  // it may be a Go program, or any other
    std::string text;
    std::optional<FileId> file;
    // Which requests of HTTP/2 find their goroutine, for a person to read.
    std::string served_streams, called_streams;
    std::size_t probes = 0;
    bool rests = false;  // births are not seen now
  };
  std::optional<GoState> go_state(pid_t pid) const;
  // What is noted of a process that speaks Kafka by librdkafka, or by a library of Go.
  struct KafkaState {
    std::uint32_t executed = 0;                          // for which of its programs
    bool producers = false, consumers = false;           // were looked at
    std::size_t produce_probes = 0, consume_probes = 0;  // in librdkafka
    std::size_t go_probes = 0, go_consume_probes = 0;
    std::string unread;  // why records that it consumes cannot be read; empty: they can, or it has no such library
    std::size_t probes() const { return produce_probes + consume_probes + go_probes + go_consume_probes; }
    bool follows() const { return consume_probes || go_consume_probes; }
    void forget_probes() { produce_probes = consume_probes = go_probes = go_consume_probes = 0; }
  };
  // From any thread.
  std::optional<KafkaState> kafka_state(pid_t pid) const;
  bool follows_records(pid_t pid) const;
  const OpensslFollower& openssl() const { return openssl_; }
  const GrpcCoreFollower& grpc_core() const { return grpc_core_; }
  std::size_t probes() const;

 private:
  void rests_now(pid_t pid, bool rests);
  void leave_alone(pid_t pid);
  void say_once(pid_t pid, const std::optional<FileId>& file, const std::string& text);
  void watch(pid_t pid, const ProcessSettings& settings);
  void follow_goroutines(pid_t pid, const ProcessSettings& settings);
  void follow_libraries(pid_t pid, const ProcessSettings& settings);
  std::optional<GoState> start_goroutines(pid_t pid, std::uint32_t executed);
  void note_producers(pid_t pid, KafkaState& state);
  static std::vector<KafkaCallSite> go_producers(const GoProgramFinder::Found& found);
  void follow_consumers(pid_t pid, KafkaState& state);
  void follow_go_consumers(pid_t pid, KafkaState& state);
  void forget_librdkafka(pid_t pid);
  void remember(pid_t pid);
  void forget(pid_t pid);

  Kernel& kernel_;
  SamplingController& sampling_;
  GoroutineTracer& goroutines_;
  KafkaCallerNotes& kafka_notes_;
  const Options options_;
  OpensslFollower openssl_;
  GrpcCoreFollower grpc_core_;
  bool kafka_cramped_ = false;  // … and that was said
  GoroutineRest rest_;
  LibcIoctlFinder finder_;
  GoProgramFinder go_finder_;
  LibrdkafkaFinder librdkafka_finder_;
  mutable std::mutex mutex_;
  std::set<pid_t> watched_;
  std::set<std::pair<FileId, std::string>> said_;  // why goroutines cannot be told apart, or not yet
  std::map<pid_t, GoState> go_;
  std::map<pid_t, KafkaState> kafka_;
};

}  // namespace weft
