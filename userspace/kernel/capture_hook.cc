// SPDX-License-Identifier: Apache-2.0
#include "kernel/capture_hook.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <memory>

#include "capture_trial.skel.h"
#include "kernel/kernel_impl.h"

namespace weft {
namespace {

struct TrialDeleter {
  void operator()(capture_trial_bpf* skeleton) const { capture_trial_bpf__destroy(skeleton); }
};
using Trial = std::unique_ptr<capture_trial_bpf, TrialDeleter>;

bpf_program* program_of(const capture_trial_bpf& trial, CaptureHook hook) {
  return hook == CaptureHook::tp_btf ? trial.progs.trial_tp_btf : trial.progs.trial_fentry;
}

// Empty = it works.
std::string try_hook(CaptureHook hook) {
  const Trial trial(capture_trial_bpf__open());
  if (!trial) return errno_text(errno);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, trial->obj) bpf_program__set_autoload(program, false);
  program = program_of(*trial, hook);
  bpf_program__set_autoload(program, true);
  if (const int error = capture_trial_bpf__load(trial.get()))
    return error == -ESRCH || error == -ENOENT ? "not in this kernel" : errno_text(error);
  const Link link(bpf_program__attach(program));
  return link ? "" : errno_text(errno);
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
  }
  return "auto";
}

std::string capture_hook_text(CaptureHook hook) {
  return hook == CaptureHook::tp_btf ? "tracepoints sock_send_length and sock_recv_length"
                                     : "fexit of inet_sendmsg and inet_recvmsg";
}

CaptureChoice choose_capture(CaptureHook wanted) {
  CaptureChoice choice;
  for (const auto hook : {CaptureHook::tp_btf, CaptureHook::fentry}) {
    if (wanted != CaptureHook::automatic && wanted != hook) continue;
    const std::string reason = try_hook(hook);
    if (reason.empty()) {
      choice.hook = hook;
      return choice;
    }
    choice.refused += fmt::format("{}{}: {}", choice.refused.empty() ? "" : ", ", capture_hook_name(hook), reason);
  }
  return choice;
}

}  // namespace weft
