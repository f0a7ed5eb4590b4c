// SPDX-License-Identifier: Apache-2.0
// The agent's kernel side in a test program: loaded, and its events drained by a thread of its own, as weftd does.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kernel/kernel.h"
#include "support/traffic/shared_kernel.h"

namespace weft::test {

// What a request_event said, kept for tests.
struct SeenRequest {
  pid_t tgid = 0, tid = 0;
  unsigned role = 0, attribution = 0, injection = 0;
  std::uint64_t exchange_id = 0, parent_exchange_id = 0, connection_id = 0;
  unsigned flags = 0, facts = 0;                  // W3C trace flags; REQUEST_*
  std::string trace_id, span_id, parent_span_id;  // hex
  std::string target;                             // of the request line
  std::string text;                               // all that was told of the request
};

// The options, with the flavour of the hooks that WEFT_TEST_CAPTURE names, if it does; without what few processes need.
KernelOptions as_wanted(KernelOptions options);

class TestAgent {
 public:
  // Without an agent (WEFT_TEST_AGENT=none) every call does nothing: what the tests then see is the plain kernel.
  static Result<std::unique_ptr<TestAgent>> start(const KernelOptions& options = {}, bool keep_requests = false);
  ~TestAgent();

  Result<void> trace(pid_t pid, const ProcessSettings& settings = {});
  void untrace(pid_t pid);
  // What new traces have to reach (wire/sampling.h); 0 = all do. Requests that are not sampled are seen too from now
  // on.
  Result<void> sample(std::uint64_t threshold);
  bool real() const { return kernel_.has_value(); }
  // The kernel side itself, which no other case is given after this one. REQUIRES: real().
  Kernel& spend();
  KernelCounters counters();
  std::vector<PolicyCounts> policy_counts();
  std::vector<SeenRequest> requests();
  // Injections by result, for a message of a failed test.
  std::string summary();

 private:
  TestAgent(std::optional<SharedKernel> kernel, bool keep_requests);
  void drain();
  void on_event(EventBytes event);

  std::optional<SharedKernel> kernel_;
  const bool keep_requests_;
  std::mutex mutex_;  // the kernel object and what was seen
  std::vector<SeenRequest> requests_;
  std::atomic<bool> stop_{false};
  std::thread drainer_;
};

// The environment asks for runs without an agent.
bool without_agent();
// Programs of the build lie beside the running test.
std::string beside_me(const std::string& name);

}  // namespace weft::test
