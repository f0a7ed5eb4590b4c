// SPDX-License-Identifier: Apache-2.0
// A program where it hangs. Private to kernel/.
#pragma once

#include <bpf/libbpf.h>

#include <memory>

namespace weft {

struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Link = std::unique_ptr<bpf_link, LinkDeleter>;

// Lets an iterator's program see all there is to see, once. What it writes is not wanted.
void run_iterator(const Link& iterator);

}  // namespace weft
