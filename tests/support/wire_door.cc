// SPDX-License-Identifier: Apache-2.0
#include "support/wire_door.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "wire_door.skel.h"

namespace weft::test {
namespace {

[[noreturn]] void fail(const char* what) {
  fprintf(stderr, "wire_door: %s: %s (BPF_PROG_TEST_RUN needs CAP_BPF and CAP_PERFMON, or root)\n", what,
          strerror(errno));
  exit(1);
}

size_t pages(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

template <class Value>
Value* open_map(const bpf_map* map) {
  void* memory = mmap(nullptr, pages(sizeof(Value)), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
  if (memory == MAP_FAILED) fail("mmap");
  return static_cast<Value*>(memory);
}

void run(const bpf_program* program) {
  LIBBPF_OPTS(bpf_test_run_opts, options);
  if (bpf_prog_test_run_opts(bpf_program__fd(program), &options) != 0) fail(bpf_program__name(program));
  if (options.retval != 0) fail("the program did not find its map");
}

}  // namespace

KernelDoor::KernelDoor() {
  programs_ = wire_door_bpf::open_and_load();
  if (!programs_) fail("load");
  slot_ = open_map<wire_door>(programs_->maps.door);
  kafka_ = open_map<kafka_door>(programs_->maps.kafka_door);
}

KernelDoor::~KernelDoor() {
  munmap(slot_, pages(sizeof *slot_));
  munmap(kafka_, pages(sizeof *kafka_));
  wire_door_bpf::destroy(programs_);
}

void KernelDoor::traceparent() { run(programs_->progs.on_traceparent); }
void KernelDoor::traceparent_format() { run(programs_->progs.on_traceparent_format); }
void KernelDoor::tracestate() { run(programs_->progs.on_tracestate); }
void KernelDoor::policy() { run(programs_->progs.on_policy); }
void KernelDoor::policy_gather() { run(programs_->progs.on_policy_gather); }
void KernelDoor::http1() { run(programs_->progs.on_http1); }
void KernelDoor::http2_walk() { run(programs_->progs.on_http2_walk); }
void KernelDoor::http2_small() { run(programs_->progs.on_http2_small); }
void KernelDoor::kafka_read() { run(programs_->progs.on_kafka_read); }
void KernelDoor::kafka_rebuild() { run(programs_->progs.on_kafka_rebuild); }
void KernelDoor::kafka_summary() { run(programs_->progs.on_kafka_summary); }
void KernelDoor::kafka_answer() { run(programs_->progs.on_kafka_answer); }
void KernelDoor::carriers() { run(programs_->progs.on_carriers); }
void KernelDoor::context() { run(programs_->progs.on_context); }
void KernelDoor::context_format() { run(programs_->progs.on_context_format); }
void KernelDoor::sampling() { run(programs_->progs.on_sampling); }

double KernelDoor::policy_ns(int repeat) {
  char packet[64] = {};
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof packet, .repeat = repeat);
  if (bpf_prog_test_run_opts(bpf_program__fd(programs_->progs.on_policy_timed), &options) != 0) fail("on_policy_timed");
  return options.duration;
}

std::string KernelDoor::verified() const {
  std::string report;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, programs_->obj) {
    bpf_prog_info info{};
    __u32 bytes = sizeof info;
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &bytes) != 0) fail("program info");
    report += std::string(bpf_program__name(program)) + " " + std::to_string(info.verified_insns) + "\n";
  }
  return report;
}

}  // namespace weft::test
