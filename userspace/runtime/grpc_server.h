// SPDX-License-Identifier: Apache-2.0
// Which call a thread of grpc++'s server with blocking handlers is given: places in its code.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "runtime/elf_file.h"

namespace weft {

// Offsets in the file of first instructions.
struct GrpcServerSites {
  std::uint64_t serves = 0, resumes = 0;  // a call is taken up, and behind interceptors
  std::array<std::uint64_t, 4> leaves{};  // the thread comes to something else
};

// None, where one of them has no symbol: what begins has to be seen to end.
std::optional<GrpcServerSites> grpc_server_sites_of(const ElfFile& file);

}  // namespace weft
