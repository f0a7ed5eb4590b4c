// SPDX-License-Identifier: Apache-2.0
// The programs and maps as bpftool hands them to C++. Private to kernel/.
#pragma once

#include <bpf/libbpf.h>

#include <memory>

#include "wire/go.h"
#include "wire/kafka_consume.h"
#include "wire/sampling.h"
#include "wire/settings.h"
// after the structs it names
#include "weft.skel.h"

namespace weft {

struct SkeletonDeleter {
  void operator()(weft_bpf* skeleton) const { weft_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<weft_bpf, SkeletonDeleter>;  // loaded, never merely opened

}  // namespace weft
