// SPDX-License-Identifier: Apache-2.0
#include "kernel/link.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include "kernel/unique_fd.h"

namespace weft {

void run_iterator(const Link& iterator) {
  const UniqueFd fd(bpf_iter_create(bpf_link__fd(iterator.get())));
  if (!fd) return;
  char nothing[256];
  while (::read(fd.get(), nothing, sizeof nothing) > 0) {
  }
}

}  // namespace weft
