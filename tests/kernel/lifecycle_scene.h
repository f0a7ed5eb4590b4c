// SPDX-License-Identifier: Apache-2.0
// One traced program whose every call is told (lifecycle_app), the kernel programs, and what they reported of it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/kernel.h"
#include "support/traffic/process.h"
#include "support/traffic/shared_kernel.h"
#include "support/traffic/sockets.h"
#include "wire/events.h"

namespace weft::test {

struct ReportedRequest {
  request_event event{};
  std::string head, baggage;
  std::string trace_id, span_id, parent_span_id;  // lower-case hex
};

class Scene {
 public:
  explicit Scene(const KernelOptions& options = {});
  ~Scene();

  // What the traced program is to do, and its answer. WHO: "main", a thread's name, "child".
  std::string tell(const std::string& who, const std::string& command, std::string_view text = {});
  int number(const std::string& who, const std::string& command, std::string_view text = {});
  // The same in two steps, for a call that waits for what the test does meanwhile.
  void begin(const std::string& who, const std::string& command, std::string_view text = {});
  std::string result();
  // `who` accepts a connection of the test's and receives `request`. Returns the test's end and the program's number.
  struct Taken {
    Fd peer;
    int fd = -1;
  };
  Taken accepted(const std::string& who);
  Taken take(const std::string& who, const std::string& request);
  // `who` sends `text` on a connection of its own: the bytes that arrive.
  std::string called(const std::string& who, const std::string& text);
  std::uint16_t port() const { return port_; }  // where the program listens
  std::uint16_t sink() const { return sink_.port; }
  Fd accept_at_sink() { return accept_from(sink_.fd.get()); }
  // From here on `who` connects in a network namespace of its own, where the sink is too.
  void leave_network(const std::string& who);
  pid_t pid() const { return app_.pid(); }
  void end_program();

  void trace(const ProcessSettings& settings = {});  // also changes settings
  void untrace();
  Kernel& kernel() { return **kernel_; }
  KernelCounters counters() { return kernel_->counters(); }
  ProcessFindings findings();
  std::uint64_t entries(const std::string& map);
  // Bounded polling: what happens behind a system call's back (exits, resets) is waited for, not slept for.
  bool settles(const std::function<bool()>& condition);
  bool map_becomes(const std::string& map, std::uint64_t entries);

  // The request with this target; the test fails when it was not reported exactly once.
  ReportedRequest request(const std::string& target);
  int reported(const std::string& target);
  std::vector<response_event> responses(std::uint64_t exchange_id);
  std::vector<response_event> responses();
  std::vector<block_event> blocks();  // of HTTP/2
  const std::vector<ReportedRequest>& requests();
  // Beginnings and ends of exchanges as they were reported.
  struct Step {
    bool begins = false;
    std::uint64_t exchange_id = 0;
  };
  const std::vector<Step>& steps();
  // Changes of this kind that the traced program was reported with.
  std::vector<process_event> changes(process_change change);

 private:
  void drain();
  void on_event(EventBytes bytes);

  std::optional<SharedKernel> kernel_;  // behind the program: it is given back when that has ended
  Listener sink_;
  ChildProgram app_;
  std::uint16_t port_ = 0;
  std::vector<ReportedRequest> requests_;
  std::vector<response_event> responses_;
  std::vector<block_event> blocks_;
  std::vector<Step> steps_;
  std::vector<process_event> changes_;
  std::string told_;  // the command whose answer is awaited
};

// Values of every header of this name, as they stand in the head.
std::vector<std::string> header(const std::string& head, std::string_view name);
// "GET TARGET HTTP/1.1" with these header lines ("a: b\r\n").
std::string get(const std::string& target, const std::string& lines = {});

}  // namespace weft::test
