// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/agent.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "wire/events.h"

namespace weft::test {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(2);

template <class T>
std::optional<T> record(EventBytes event) {
  if (event.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, event.data(), sizeof value);
  return value;
}

template <std::size_t n>
std::string hex(const __u8 (&bytes)[n]) {
  std::string text;
  for (const __u8 byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::string target_of(std::string_view head) {
  const std::size_t from = head.find(' ');
  if (from == std::string_view::npos) return {};
  return std::string(head.substr(from + 1, head.find(' ', from + 1) - from - 1));
}

}  // namespace

bool without_agent() {
  const char* value = std::getenv("WEFT_TEST_AGENT");
  return value && std::string_view(value) == "none";
}

std::string beside_me(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

KernelOptions as_wanted(KernelOptions options) {
  options.late_at_need = true;
  const char* wanted = std::getenv("WEFT_TEST_CAPTURE");
  for (const auto hook : {CaptureHook::tp_btf, CaptureHook::fentry, CaptureHook::kprobe})
    if (wanted && capture_hook_name(hook) == wanted) options.capture = hook;
  return options;
}

Result<std::unique_ptr<TestAgent>> TestAgent::start(const KernelOptions& options, bool keep_requests) {
  if (without_agent()) return std::unique_ptr<TestAgent>(new TestAgent(std::nullopt, keep_requests));
  auto kernel = SharedKernel::take(as_wanted(options));
  if (!kernel) return std::unexpected(kernel.error());
  return std::unique_ptr<TestAgent>(new TestAgent(std::move(*kernel), keep_requests));
}

TestAgent::TestAgent(std::optional<SharedKernel> kernel, bool keep_requests)
    : kernel_(std::move(kernel)), keep_requests_(keep_requests) {
  if (kernel_) drainer_ = std::thread([this] { drain(); });
}

TestAgent::~TestAgent() {
  stop_ = true;
  if (drainer_.joinable()) drainer_.join();
}

Result<void> TestAgent::trace(pid_t pid, const ProcessSettings& settings) {
  if (!kernel_) return {};
  std::lock_guard lock(mutex_);
  return (*kernel_)->trace(pid, settings);
}

Result<void> TestAgent::sample(std::uint64_t threshold) {
  if (!kernel_) return {};
  const std::lock_guard lock(mutex_);
  const auto table = std::make_unique<sampling_table>();
  for (sampling_service& service : table->services) {
    service.threshold = threshold;
    service.flags = SAMPLING_REPORT_ALL;
  }
  kernel_->spend();
  return (*kernel_)->set_sampling(*table);
}

Kernel& TestAgent::spend() {
  kernel_->spend();
  return **kernel_;
}

void TestAgent::untrace(pid_t pid) {
  if (!kernel_) return;
  std::lock_guard lock(mutex_);
  (*kernel_)->untrace(pid);
}

std::vector<PolicyCounts> TestAgent::policy_counts() {
  return kernel_ ? (*kernel_)->policy().counts() : std::vector<PolicyCounts>();
}

KernelCounters TestAgent::counters() {
  if (!kernel_) return {};
  std::lock_guard lock(mutex_);
  return kernel_->counters();
}

std::vector<SeenRequest> TestAgent::requests() {
  std::lock_guard lock(mutex_);
  while (kernel_ && (*kernel_)->events().drain([this](EventBytes event) { on_event(event); })) {
  }
  return requests_;
}

std::string TestAgent::summary() {
  std::string text;
  for (const auto& [result, count] : counters().injections)
    if (count) text += fmt::format("{}:{}={} ", result.first, result.second, count);
  for (const auto& [key, count] : counters().errors)
    if (count) text += fmt::format("{}:{}={} ", key.program, key.reason, count);
  return text;
}

void TestAgent::drain() {
  while (!stop_) {
    {
      std::lock_guard lock(mutex_);
      (*kernel_)->events().drain([this](EventBytes event) { on_event(event); });
      if ((*kernel_)->events().filled() >= EventSource::kMostAtOnce) continue;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

void TestAgent::on_event(EventBytes event) {
  const auto header = record<event_header>(event);
  if (!header) return;
  if (header->type == EVENT_SOCKET) {
    const auto socket = record<socket_event>(event);
    if (socket && socket->request == SOCKET_RELEASE) (*kernel_)->release_socket(socket->connection_id);
    if (socket && socket->request != SOCKET_RELEASE)
      (*kernel_)->enrol_socket(static_cast<pid_t>(socket->tgid), socket->fd, socket->connection_id,
                               socket->request == SOCKET_ENROL_ANSWERS);
  }
  if (header->type != EVENT_REQUEST || !keep_requests_) return;
  const auto request = record<request_event>(event);
  if (!request || event.size() < sizeof *request + request->text_bytes) return;
  const std::string_view head(reinterpret_cast<const char*>(event.data()) + sizeof *request, request->text_bytes);
  requests_.push_back({.tgid = static_cast<pid_t>(request->tgid),
                       .tid = static_cast<pid_t>(request->tid),
                       .role = request->role,
                       .attribution = request->attribution,
                       .injection = request->injection,
                       .exchange_id = request->exchange_id,
                       .parent_exchange_id = request->parent_exchange_id,
                       .connection_id = request->connection_id,
                       .flags = request->trace_flags,
                       .facts = request->facts,
                       .trace_id = hex(request->ids.trace_id),
                       .span_id = hex(request->ids.span_id),
                       .parent_span_id = hex(request->ids.parent_span_id),
                       .target = target_of(head),
                       .text = std::string(head)});
}

}  // namespace weft::test
