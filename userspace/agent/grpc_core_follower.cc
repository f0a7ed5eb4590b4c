// SPDX-License-Identifier: Apache-2.0
#include "agent/grpc_core_follower.h"

#include <spdlog/spdlog.h>

#include <vector>

namespace weft {
namespace {

constexpr std::size_t kPlaces = 3;        // of a library …
constexpr std::size_t kServerPlaces = 6;  // … and of the one of servers
constexpr unsigned kLooks = 12;

// By HTTP/2, or for what may have come by it.
bool calls_for_others(const ProcessCalls& calls) {
  return calls.served && calls.called_by && calls.protocols & 1u << PROTOCOL_HTTP2;
}

grpc_core_register register_of(KeptRegister kept) {
  switch (kept) {
    case KeptRegister::rbx:
      return GRPC_CORE_RBX;
    case KeptRegister::rbp:
      return GRPC_CORE_RBP;
    case KeptRegister::r12:
      return GRPC_CORE_R12;
    case KeptRegister::r13:
      return GRPC_CORE_R13;
    case KeptRegister::r14:
      return GRPC_CORE_R14;
    case KeptRegister::r15:
      break;
  }
  return GRPC_CORE_R15;
}

}  // namespace

void GrpcCoreFollower::trace(pid_t pid, std::uint32_t executed) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = processes_.find(pid);
    if (known != processes_.end() && known->second.executed == executed) return;
    processes_.insert_or_assign(pid, Process{.executed = executed});
  }
  tracer_.forget_grpc_core(pid);
  waiting_.insert(pid);
}

void GrpcCoreFollower::untrace(pid_t pid) {
  tracer_.forget_grpc_core(pid);
  waiting_.erase(pid);
  const std::lock_guard lock(mutex_);
  processes_.erase(pid);
}

void GrpcCoreFollower::look(const CallsByProcess& calls) {
  std::erase_if(waiting_, [&](pid_t pid) {
    const auto made = calls.find(pid);
    if (made == calls.end() || !calls_for_others(made->second)) return false;
    const std::size_t probes = follow(pid);
    const std::lock_guard lock(mutex_);
    auto& process = processes_.at(pid);
    process.probes = probes;
    return probes || ++process.looks == kLooks;
  });
}

std::size_t GrpcCoreFollower::follow(pid_t pid) {
  std::size_t probes = 0;
  const auto libraries = finder_.find(pid);
  for (const auto& library : libraries.core) {
    const auto& sites = library.sites;
    const GrpcCorePlaces places{
        .batch = sites.batch,
        .headers = sites.headers,
        .unref = sites.unref,
        .layout = {
            .call_context = sites.call_context, .endpoint = sites.endpoint, .stream = register_of(sites.stream)}};
    if (auto followed = tracer_.follow_grpc_core(pid, library.path, places); !followed)
      spdlog::info("for whom process {} calls by gRPC's C-core is not noted: {}", pid, followed.error().message);
    else
      probes += kPlaces;
  }
  return probes ? probes + follow_servers(pid, libraries) : 0;  // without the first, its threads mislead
}

// Where there are two cores it is not certain whose a call is.
std::size_t GrpcCoreFollower::follow_servers(pid_t pid, const GrpcLibraries& libraries) {
  if (libraries.core.size() != 1 || !libraries.core[0].sites.served) return 0;
  const auto& core = libraries.core[0].sites;
  std::size_t probes = 0;
  for (const auto& library : libraries.servers) {
    const GrpcServerPlaces places{.serves = library.sites.serves,
                                  .resumes = library.sites.resumes,
                                  .leaves = library.sites.leaves,
                                  .layout = {.call_context = core.call_context,
                                             .endpoint = core.endpoint,
                                             .elements = core.served->elements,
                                             .count = core.served->before,
                                             .number = core.served->stream_number}};
    if (auto followed = tracer_.follow_grpc_server(pid, library.path, places); !followed)
      spdlog::info("which request a thread of process {} serves by grpc++ is not known: {}", pid,
                   followed.error().message);
    else
      probes += kServerPlaces;
  }
  return probes;
}

std::size_t GrpcCoreFollower::probes(pid_t pid) const {
  const std::lock_guard lock(mutex_);
  const auto known = processes_.find(pid);
  return known == processes_.end() ? 0 : known->second.probes;
}

std::size_t GrpcCoreFollower::probes() const {
  const std::lock_guard lock(mutex_);
  std::size_t all = 0;
  for (const auto& [pid, process] : processes_) all += process.probes;
  return all;
}

}  // namespace weft
