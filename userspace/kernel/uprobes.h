// SPDX-License-Identifier: Apache-2.0
// Probes in the code of one process: several places at once through uprobe_multi (Linux 6.6), where that is missing one
// perf event each. Private to kernel/.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/unique_fd.h"

struct bpf_link;
struct bpf_program;

namespace weft {

// Does this kernel have uprobe_multi? Asked once.
bool has_uprobe_multi();
// To be called before the program is loaded.
void prepare_uprobe(bpf_program* program);

// A program for probes. Where there is no uprobe_multi libbpf's handle is needed.
struct UprobeProgram {
  int fd;
  bpf_program* handle;
};
UprobeProgram uprobe_program(bpf_program* program);

struct UprobePlace {
  std::uint64_t offset = 0;  // in the file
  std::uint64_t cookie = 0;  // what bpf_get_attach_cookie gives there
};

// Attached probes; they go with it. That takes the kernel a grace period, some thirty milliseconds: see ProbeEnds.
class Uprobes {
 public:
  enum class When : bool { there = false, returns = true };  // with `returns`, places are the beginnings of functions
  // `file` is opened once; the probes stay on that file. Errors are one line.
  static Result<Uprobes> attach(UprobeProgram program, const std::string& file, std::span<const UprobePlace> places,
                                pid_t pid, When when = When::there);
  Uprobes(Uprobes&&) noexcept = default;
  Uprobes& operator=(Uprobes&&) noexcept = default;
  ~Uprobes() = default;

 private:
  struct LinkEnd {
    void operator()(bpf_link* link) const;
  };
  Uprobes() = default;
  UniqueFd link_;
  std::vector<std::unique_ptr<bpf_link, LinkEnd>> links_;
};

}  // namespace weft
