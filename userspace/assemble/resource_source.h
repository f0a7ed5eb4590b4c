// SPDX-License-Identifier: Apache-2.0
// Who a process is, as far as spans need it. Implemented by discovery, and by a recording.
#pragma once

#include <sys/types.h>

#include <memory>

#include "span/span.h"

namespace weft {

class ResourceSource {
 public:
  virtual ~ResourceSource() = default;
  // Called once a span, from the pipeline's thread: a lookup, no I/O for a process that is known. A process that has
  // just exited is still answered. nullptr = never heard of; the span then says unknown_service.
  virtual std::shared_ptr<const Resource> of(pid_t tgid) = 0;
  // The process makes its own spans (an SDK runs in it): weft makes metrics of its exchanges and no spans.
  virtual bool instrumented(pid_t /*tgid*/) { return false; }
};

}  // namespace weft
