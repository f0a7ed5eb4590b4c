// SPDX-License-Identifier: Apache-2.0
#include "kernel/capture_hook.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>

#include "capture_trial.skel.h"
#include "kernel/loopback.h"

namespace weft {
namespace {

struct TrialDeleter {
  void operator()(capture_trial_bpf* skeleton) const { capture_trial_bpf__destroy(skeleton); }
};
using Trial = std::unique_ptr<capture_trial_bpf, TrialDeleter>;

std::vector<bpf_program*> programs_of(const capture_trial_bpf& trial, CaptureHook hook) {
  if (hook == CaptureHook::tp_btf) return {trial.progs.trial_tp_btf};
  if (hook == CaptureHook::fentry) return {trial.progs.trial_fentry};
  return {trial.progs.trial_kprobe_send, trial.progs.trial_kprobe_receive};
}

std::string pass_a_byte(capture_trial_bpf& trial) {
  const auto pair = loopback_pair();
  if (!pair) return pair.error().message;
  char byte = 0;
  if (::send(pair->client.get(), &byte, 1, MSG_NOSIGNAL) != 1 || ::recv(pair->server.get(), &byte, 1, 0) != 1)
    return "a byte does not pass the loopback device";
  if (trial.bss->trial_sends == 0) return "inet_sendmsg is not probed";
  return trial.bss->trial_receives ? "" : "tcp_cleanup_rbuf is never called";
}

struct Refusal {
  std::string reason;  // empty: it works
  bool forbidden = false;
};

std::string reason_of(int error) {
  const bool absent = std::abs(error) == ESRCH || std::abs(error) == ENOENT;
  return absent ? "not in this kernel" : errno_text(error);
}

Refusal try_hook(CaptureHook hook) {
  const Trial trial(capture_trial_bpf__open());
  if (!trial) return {reason_of(errno), false};
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, trial->obj) bpf_program__set_autoload(program, false);
  const auto programs = programs_of(*trial, hook);
  for (auto* one : programs) bpf_program__set_autoload(one, true);
  trial->bss->trial_tgid = static_cast<__u32>(::getpid());
  if (const int error = capture_trial_bpf__load(trial.get()))
    return {reason_of(error), is_forbidden(error) && programs_are_forbidden()};
  std::vector<Link> links;
  for (auto* one : programs) {
    links.emplace_back(bpf_program__attach(one));
    if (!links.back()) return {reason_of(errno), is_forbidden(errno)};
  }
  return {hook == CaptureHook::kprobe ? pass_a_byte(*trial) : "", false};
}

bool in_this_kernel(const char* function) { return libbpf_find_vmlinux_btf_id(function, BPF_TRACE_FEXIT) > 0; }

std::array<std::pair<bpf_program**, const char*>, 5> exits_of(weft_bpf& skeleton) {
  auto& programs = skeleton.progs;
  return {{{&programs.on_inet_receive, "inet_recvmsg"},
           {&programs.on_inet6_receive, "inet6_recvmsg"},
           {&programs.on_inet_send, "inet_sendmsg"},
           {&programs.on_inet6_send, "inet6_sendmsg"},
           {&programs.on_sendpage, "inet_sendpage"}}};
}

struct KprobePlace {
  bpf_program* program;
  const char* function;
  bool at_return;
};

// The return before the entry: a call that is under way while they are attached is seen by neither.
std::array<KprobePlace, 9> kprobes_of(const weft_bpf& skeleton) {
  const auto& programs = skeleton.progs;
  return {{{programs.on_send_return, "inet_sendmsg", true},
           {programs.on_send_return, "inet6_sendmsg", true},
           {programs.on_send_return, "inet_sendpage", true},
           {programs.on_send_entry, "inet_sendmsg", false},
           {programs.on_send_entry, "inet6_sendmsg", false},
           {programs.on_send_entry, "inet_sendpage", false},
           {programs.on_cleanup, "tcp_cleanup_rbuf", false},
           {programs.on_receive_entry, "inet_recvmsg", false},
           {programs.on_receive_entry, "inet6_recvmsg", false}}};
}

}  // namespace

std::string_view capture_hook_name(CaptureHook hook) {
  switch (hook) {
    case CaptureHook::automatic:
      return "auto";
    case CaptureHook::tp_btf:
      return "tp_btf";
    case CaptureHook::fentry:
      return "fentry";
    case CaptureHook::kprobe:
      return "kprobe";
  }
  return "auto";
}

std::string capture_hook_text(CaptureHook hook) {
  if (hook == CaptureHook::tp_btf) return "tracepoints sock_send_length and sock_recv_length";
  if (hook == CaptureHook::fentry) return "fexit of inet_sendmsg and inet_recvmsg";
  return "kprobes on inet_sendmsg, inet_recvmsg and tcp_cleanup_rbuf";
}

CaptureChoice choose_capture(CaptureHook wanted) {
  CaptureChoice choice;
  for (const auto hook : {CaptureHook::tp_btf, CaptureHook::fentry, CaptureHook::kprobe}) {
    if (wanted != CaptureHook::automatic && wanted != hook) continue;
    const Refusal refused = try_hook(hook);
    if (refused.reason.empty()) {
      choice.hook = hook;
      return choice;
    }
    choice.forbidden |= refused.forbidden;
    choice.refused +=
        fmt::format("{}{}: {}", choice.refused.empty() ? "" : ", ", capture_hook_name(hook), refused.reason);
  }
  return choice;
}

void select_hook(weft_bpf& skeleton, CaptureHook hook, std::uint32_t max_connections, Parts& parts) {
  auto& programs = skeleton.progs;
  const bool kprobe = hook == CaptureHook::kprobe;
  const auto select = [&parts](bpf_program*& place, bool wanted) {
    bpf_program__set_autoload(place, false);
    if (wanted) parts.take(place);
  };
  for (auto* place : {&programs.on_receive, &programs.on_send}) select(*place, hook == CaptureHook::tp_btf);
  for (const auto& [place, function] : exits_of(skeleton))
    select(*place, hook == CaptureHook::fentry && in_this_kernel(function));
  for (auto* place : {&programs.on_cleanup, &programs.on_send_return}) select(*place, kprobe);
  for (auto* program : {programs.on_send_entry, programs.on_receive_entry}) bpf_program__set_autoload(program, kprobe);
  bpf_program__set_autoload(programs.sweep_left, kprobe);
  if (!kprobe) return;
  const_cast<kernel_settings&>(skeleton.rodata->settings).flags |= SETTING_HASH;
  bpf_map__set_max_entries(skeleton.maps.connections_by_address, max_connections);
}

Result<void> attach_hook(weft_bpf& skeleton, CaptureHook hook, std::vector<Link>& links) {
  const auto keep = [&links](bpf_link* link, const bpf_program* program) -> Result<void> {
    if (!link) return refused_by_kernel(fmt::format("{} cannot be attached", bpf_program__name(program)), errno);
    links.emplace_back(link);
    return {};
  };
  if (hook == CaptureHook::kprobe) {
    for (const auto& [program, function, at_return] : kprobes_of(skeleton)) {
      if (!in_this_kernel(function)) continue;
      if (auto kept = keep(bpf_program__attach_kprobe(program, at_return, function), program); !kept) return kept;
    }
    return {};
  }
  std::vector<bpf_program*> programs{skeleton.progs.on_receive, skeleton.progs.on_send};
  for (const auto& [place, function] : exits_of(skeleton)) programs.push_back(*place);
  for (auto* program : programs) {
    if (!bpf_program__autoload(program)) continue;
    if (auto kept = keep(bpf_program__attach(program), program); !kept) return kept;
  }
  return {};
}

}  // namespace weft
