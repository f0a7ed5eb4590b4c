// SPDX-License-Identifier: Apache-2.0
// The resource of each traced process: who made its spans (OpenTelemetry resource semantic conventions).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "assemble/resource_source.h"
#include "base/clock.h"
#include "discover/process_info.h"
#include "discover/rules.h"
#include "span/span.h"

namespace weft {

struct HostIdentity {
  std::string name;     // host.name
  std::string boot_id;  // start times count from boot, so it belongs to a process's identity
};
HostIdentity read_host_identity(const ProcFiles& files);

// OTEL_RESOURCE_ATTRIBUTES: `k=v,k2=v2`, values percent-decoded. Any fault discards it all, as the specification says.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_resource_attributes(std::string_view text);

// `rule` may be null. REQUIRES: the environment of the process has been read.
std::shared_ptr<const Resource> make_resource(const ProcessInfo& process, const InstrumentRule* rule,
                                              const HostIdentity& host);

// Thread-safe. Resources of ended processes stay for a minute, at most kMaxEnded of them: their last spans are still
// on the way.
class ResourceTable final : public ResourceSource {
 public:
  static constexpr std::size_t kMaxEnded = 1024;
  static constexpr std::uint64_t kKeepEnded_ns = 60'000'000'000;

  // `defaults`: attributes of every resource that does not say otherwise.
  ResourceTable(HostIdentity host, const Clock& clock, std::map<std::string, std::string> defaults = {});

  // Also replaces: the process executes another program, or the pid is used again.
  std::shared_ptr<const Resource> add(const ProcessInfo& process, const InstrumentRule* rule);
  void set_instrumented(pid_t pid, bool instrumented);
  void ended(pid_t pid);  // also: it is traced no more

  std::shared_ptr<const Resource> of(pid_t tgid) override;
  bool instrumented(pid_t tgid) override;

 private:
  struct Entry {
    std::shared_ptr<const Resource> resource;
    bool instrumented = false;
    bool alive = true;
    std::uint64_t ended_ns = 0;  // monotonic
  };
  HostIdentity host_;
  const Clock& clock_;
  const std::map<std::string, std::string> defaults_;
  std::mutex mutex_;
  std::map<pid_t, Entry> entries_;
  std::deque<std::pair<pid_t, std::uint64_t>> ended_;  // in order; stale when the entry says otherwise
};

}  // namespace weft
