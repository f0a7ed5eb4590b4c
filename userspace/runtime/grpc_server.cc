// SPDX-License-Identifier: Apache-2.0
#include "runtime/grpc_server.h"

#include <string>
#include <string_view>

#include "runtime/elf_symbols.h"
#include "runtime/function_start.h"

namespace weft {
namespace {

// grpc::Server::SyncRequest::Run and ContinueRunAfterInterception, …
constexpr std::array<std::string_view, 6> kServerFunctions = {
    "_ZN4grpc6Server11SyncRequest3RunERKSt10shared_ptrINS0_15GlobalCallbacksEEb",
    "_ZN4grpc6Server11SyncRequest28ContinueRunAfterInterceptionEv",
    // … Server::SyncRequestThreadManager::PollForWork, where such a thread is without a call; …
    "_ZN4grpc6Server24SyncRequestThreadManager11PollForWorkEPPvPb",
    // … and where a thread that waits within a handler may be given the call of another kind of server.
    "_ZN4grpc15ServerInterface16BaseAsyncRequest14FinalizeResultEPPvPb",
    "_ZN4grpc6Server15CallbackRequestINS_21CallbackServerContextEE15CallbackCallTag3RunEb",
    "_ZN4grpc6Server15CallbackRequestINS_28GenericCallbackServerContextEE15CallbackCallTag3RunEb",
};

}  // namespace

std::optional<GrpcServerSites> grpc_server_sites_of(const ElfFile& file) {
  const auto functions = find_functions(file, kServerFunctions);
  std::array<std::uint64_t, kServerFunctions.size()> starts{};
  for (std::size_t i = 0; i < starts.size(); i++) {
    const auto found = functions.find(std::string(kServerFunctions[i]));
    const auto offset = found == functions.end() ? std::nullopt : file.file_offset(found->second.address);
    if (!offset) return std::nullopt;
    starts[i] = function_start(file, *offset);
  }
  return GrpcServerSites{
      .serves = starts[0], .resumes = starts[1], .leaves = {starts[2], starts[3], starts[4], starts[5]}};
}

}  // namespace weft
