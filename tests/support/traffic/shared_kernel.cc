// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/shared_kernel.h"

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "support/slowness.h"
#include "wire/policy_lexer.h"

namespace weft::test {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(1);
constexpr auto kPollLimit = std::chrono::seconds(5);

struct Idle {
  std::unique_ptr<Kernel> kernel;
  KernelOptions options;
};

Idle& idle() {
  static Idle& one = *new Idle;  // never taken down: a child that is forked from a test and exits would do it
  return one;
}

// The name of a map that still holds something of processes that have ended.
std::string leftover(Kernel& kernel) {
  const auto until = std::chrono::steady_clock::now() + kPollLimit * slowness();
  for (;;) {
    while (kernel.events().drain([](EventBytes) {})) {
    }
    std::string left;
    for (const auto& [map, fill] : kernel.counters().maps)
      if (map != "connections" && fill.entries > 0) left = map;  // those were counted at the last sweep
    if (left.empty() || std::chrono::steady_clock::now() > until) return left;
    std::this_thread::sleep_for(kPollInterval);
  }
}

// As after loading.
Result<void> open_policy(Kernel& kernel) {
  kernel.policy().end_shadow();
  const auto set = std::make_shared<policy_set>();
  policy_set_open(set.get());
  return kernel.policy().publish({.sets = {set}, .service = {}});
}

template <class Map>
void subtract(Map& now, const Map& before) {
  for (const auto& [key, count] : before) now[key] -= count;
}

template <class Map>
void without_zeros(Map& map) {
  std::erase_if(map, [](const auto& entry) { return entry.second == 0; });
}

}  // namespace

Result<SharedKernel> SharedKernel::take(const KernelOptions& options) {
  Idle found = std::exchange(idle(), {});
  const std::string left = found.kernel ? leftover(*found.kernel) : "";
  if (!left.empty()) return fail("a case before this one has left entries in " + left);
  if (found.kernel && found.options == options) {
    if (auto opened = open_policy(*found.kernel); !opened) return std::unexpected(opened.error());
    return SharedKernel(std::move(found.kernel), options);
  }
  found.kernel.reset();
  auto kernel = Kernel::load(options);
  if (!kernel) return std::unexpected(kernel.error());
  return SharedKernel(std::move(*kernel), options);
}

SharedKernel::SharedKernel(std::unique_ptr<Kernel> kernel, KernelOptions options)
    : kernel_(std::move(kernel)), options_(std::move(options)), before_(kernel_->counters()) {}

SharedKernel::~SharedKernel() {
  if (kernel_ && !spent_) idle() = {std::move(kernel_), std::move(options_)};
}

KernelCounters SharedKernel::counters() const {
  KernelCounters now = kernel_->counters();
  now.events_lost -= before_.events_lost;
  subtract(now.events, before_.events);
  subtract(now.injections, before_.injections);
  subtract(now.errors, before_.errors);
  subtract(now.unenforced, before_.unenforced);
  without_zeros(now.errors);
  without_zeros(now.unenforced);
  return now;
}

void unload_shared_kernel() { idle() = {}; }

}  // namespace weft::test
