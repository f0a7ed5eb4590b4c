// SPDX-License-Identifier: Apache-2.0
// For whom processes call by gRPC's C-core, and which request a thread of grpc++'s server works on, by probes in their
// functions.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "kernel/kernel.h"
#include "wire/grpc_core.h"

namespace weft {

// Offsets in the file.
struct GrpcCorePlaces {
  std::uint64_t batch = 0, headers = 0, unref = 0;
  grpc_core_layout layout{};
};

struct GrpcServerPlaces {
  std::uint64_t serves = 0, resumes = 0;
  std::array<std::uint64_t, 4> leaves{};
  grpc_core_server_layout layout{};
};

// Part of a Kernel. From the thread that traces processes only.
class GrpcCoreTracer {
 public:
  virtual ~GrpcCoreTracer() = default;
  // Of a traced process, one library of perhaps several.
  virtual Result<void> follow_grpc_core(pid_t tgid, const std::string& file, const GrpcCorePlaces& places) = 0;
  virtual Result<void> follow_grpc_server(pid_t tgid, const std::string& file, const GrpcServerPlaces& places) = 0;
  virtual void forget_grpc_core(pid_t tgid) = 0;  // all of them; also done by Kernel::untrace
};
GrpcCoreTracer& grpc_core_tracer(Kernel& kernel);

}  // namespace weft
