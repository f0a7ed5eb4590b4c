// SPDX-License-Identifier: Apache-2.0
// A program where it hangs. Private to kernel/.
#pragma once

#include <bpf/libbpf.h>
#include <sys/types.h>

#include <memory>

namespace weft {

struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Link = std::unique_ptr<bpf_link, LinkDeleter>;

// Runs an iter/task_file program for each file that the process has open; of one that is gone that is none. What it
// writes is not wanted. 0 or an error of the kernel, negative.
int visit_open_files(const bpf_program* program, pid_t tgid);

}  // namespace weft
