// SPDX-License-Identifier: Apache-2.0
#include "kernel/uprobes.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weft {
namespace {

constexpr auto kUprobeMulti = static_cast<bpf_attach_type>(48);
constexpr __u32 kUprobeMultiReturn = 1;

// bpf(2) BPF_LINK_CREATE for BPF_TRACE_UPROBE_MULTI, which libbpf 1.1 has no wrapper for.
int create_multi_link(int program, const std::string& file, std::span<const UprobePlace> places, pid_t pid,
                      bool returns = false) {
  std::vector<std::uint64_t> offsets, cookies;
  for (const auto& place : places) {
    offsets.push_back(place.offset);
    cookies.push_back(place.cookie);
  }
  struct {
    __u32 prog_fd, target_fd, attach_type, flags;
    __u64 path, offsets, ref_ctr_offsets, cookies;
    __u32 count, multi_flags, pid, reserved;
  } attributes{};
  attributes.prog_fd = static_cast<__u32>(program);
  attributes.attach_type = kUprobeMulti;
  attributes.path = reinterpret_cast<__u64>(file.c_str());
  attributes.offsets = reinterpret_cast<__u64>(offsets.data());
  attributes.cookies = reinterpret_cast<__u64>(cookies.data());
  attributes.count = static_cast<__u32>(places.size());
  attributes.multi_flags = returns ? kUprobeMultiReturn : 0;
  attributes.pid = static_cast<__u32>(pid);
  return static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof attributes - sizeof(__u32)));
}

}  // namespace

namespace {

// Until Linux 6.10 (46ba0e49b642; 6.6.35, 6.9.5) such a link told of one thread of the process alone. Kernels since
// then refuse a negative pid before they look at the file, the others the file first.
bool multi_links_are_of_processes() {
  const bpf_insn nothing[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = kUprobeMulti);
  const UniqueFd program(
      bpf_prog_load(BPF_PROG_TYPE_KPROBE, "weft_multi", "GPL", nothing, std::size(nothing), &options));
  if (!program) return false;
  const UprobePlace place{0, 0};
  const UniqueFd link(create_multi_link(program.get(), "/", {&place, 1}, -1));
  return !link && errno == EINVAL;
}

}  // namespace

bool has_uprobe_multi() {
  static const bool has = libbpf_find_vmlinux_btf_id("bpf_uprobe_multi_link_attach", BPF_TRACE_FENTRY) > 0 &&
                          multi_links_are_of_processes();
  return has;
}

void prepare_uprobe(bpf_program* program) {
  if (has_uprobe_multi()) bpf_program__set_expected_attach_type(program, kUprobeMulti);
}

void Uprobes::LinkEnd::operator()(bpf_link* link) const { bpf_link__destroy(link); }

UprobeProgram uprobe_program(bpf_program* program) { return {bpf_program__fd(program), program}; }

Result<Uprobes> Uprobes::attach(UprobeProgram program, const std::string& file, std::span<const UprobePlace> places,
                                pid_t pid, When when) {
  Uprobes probes;
  const auto failed = [&](int error) {
    return fail(fmt::format("uprobe in {} of process {}: {}", file, pid, std::strerror(error)));
  };
  if (has_uprobe_multi()) {
    probes.link_ = UniqueFd(create_multi_link(program.fd, file, places, pid, when == When::returns));
    if (!probes.link_) return failed(errno);
    return probes;
  }
  for (const auto& place : places) {
    LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = place.cookie, .retprobe = when == When::returns);
    bpf_link* link = bpf_program__attach_uprobe_opts(program.handle, pid, file.c_str(), place.offset, &options);
    if (!link) return failed(errno);
    probes.links_.emplace_back(link);
  }
  return probes;
}

}  // namespace weft
