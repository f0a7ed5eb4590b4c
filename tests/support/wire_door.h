// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "programs/wire_door.h"

struct wire_door_bpf;

namespace weft::test {

// The kernel's build of the parsers (bpf/programs/wire_door.bpf.c): write the door, run one program, read the door.
// A kernel that refuses anything aborts the test with the reason; nothing is skipped.
class KernelDoor {
 public:
  KernelDoor();
  ~KernelDoor();
  KernelDoor(const KernelDoor&) = delete;
  KernelDoor& operator=(const KernelDoor&) = delete;

  wire_door& slot() { return *slot_; }
  kafka_door& kafka() { return *kafka_; }
  void traceparent();
  void traceparent_format();
  void tracestate();
  void policy();
  void policy_gather();
  double policy_ns(int repeat);  // of one evaluation, mean of `repeat`
  void http1();
  void http2_walk();
  void http2_small();
  void kafka_read();
  void kafka_rebuild();
  void kafka_summary();
  void kafka_answer();
  void carriers();
  void context();
  void context_format();
  void sampling();

  // Instructions that the verifier walked, a line for each program.
  std::string verified() const;

 private:
  wire_door_bpf* programs_ = nullptr;
  wire_door* slot_ = nullptr;
  kafka_door* kafka_ = nullptr;
};

}  // namespace weft::test
