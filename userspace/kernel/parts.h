// SPDX-License-Identifier: Apache-2.0
// Large programs, each loaded from an object of its own onto the maps of the object that has everything: the verifier
// takes its time over each, so several are loaded at once, and those that few processes need while others are traced
// already. Private to kernel/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernel/skeleton.h"
#include "kernel/unique_fd.h"

namespace weft {

class Parts {
 public:
  // Not loaded with the whole but with load(). `place` is a member of the whole's progs. REQUIRES: the whole is opened,
  // not loaded.
  void take(bpf_program*& place);
  // From then on each place is the loaded program. Error: which of them the kernel refused, and why. REQUIRES: the
  // whole is loaded, with the settings that these are to have.
  Result<void> load(const weft_bpf& whole);
  // The programs stay, and all else that libbpf knows of them goes, two megabytes each: places are null from then on.
  void forget_objects();
  struct Program {
    std::string_view name;
    int fd;
  };
  std::vector<Program> loaded() const;
  int fd_of(std::string_view name) const;  // -1: not loaded

 private:
  struct ObjectEnd {
    void operator()(bpf_object* object) const;
  };
  struct Part {
    bpf_program** place;
    std::string name;
    std::unique_ptr<bpf_object, ObjectEnd> object;
    UniqueFd fd;
  };
  static Result<void> load(const weft_bpf& whole, Part& part);

  std::vector<Part> parts_;
};

}  // namespace weft
