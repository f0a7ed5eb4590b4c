// SPDX-License-Identifier: Apache-2.0
// What this kernel and these privileges allow, each mechanism tried for real (weft doctor, and weftd before it starts).
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/capability.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <span>
#include <string>

#include "kernel/capture_hook.h"
#include "kernel/cgroup.h"
#include "kernel/kernel.h"
#include "kernel/kernel_impl.h"
#include "kernel/self_test.h"
#include "kernel/uprobes.h"

namespace weft {
namespace {

using State = Probe::State;

bool has_capability(cap_value_t capability) {
  cap_t mine = cap_get_proc();
  if (!mine) return false;
  cap_flag_value_t set = CAP_CLEAR;
  cap_get_flag(mine, capability, CAP_EFFECTIVE, &set);
  cap_free(mine);
  return set == CAP_SET;
}

Probe probe_privileges() {
  std::string missing;
  const std::pair<cap_value_t, const char*> needed[] = {{CAP_BPF, "CAP_BPF"},
                                                        {CAP_PERFMON, "CAP_PERFMON"},
                                                        {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
                                                        {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"}};
  const bool admin = has_capability(CAP_SYS_ADMIN);
  for (const auto& [capability, name] : needed)
    if (!has_capability(capability) && !admin) missing += (missing.empty() ? "" : ", ") + std::string(name);
  if (missing.empty()) return {"privileges", State::works, admin ? "all" : "the four capabilities needed", "", ""};
  return {"privileges", State::missing, "missing: " + missing, "nothing can be loaded",
          "run as root, or with CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_PTRACE"};
}

// The smallest thing that can be asked of bpf(2), by a process that has the capabilities.
Probe probe_bpf() {
  const UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "weft_probe", sizeof(__u32), sizeof(__u32), 1, nullptr));
  if (map) return {"bpf", State::works, "the system call is allowed", "", ""};
  if (errno == ENOSYS)
    return {"bpf", State::missing, "no bpf system call", "nothing can be loaded",
            "use a kernel built with CONFIG_BPF_SYSCALL"};
  if (is_forbidden(errno))
    return {"bpf", State::missing, "the bpf system call is refused to a process that has the capabilities",
            "nothing can be loaded", kAllowBpf};
  return {"bpf", State::missing, fmt::format("the bpf system call fails: {}", errno_text(errno)),
          "nothing can be loaded", "look into the kernel's log"};
}

Probe probe_btf() {
  if (::access("/sys/kernel/btf/vmlinux", R_OK) == 0)
    return {"BTF", State::works, "/sys/kernel/btf/vmlinux", "kernel types are relocated at load", ""};
  return {"BTF", State::missing, "no /sys/kernel/btf/vmlinux", "the programs cannot be relocated to this kernel",
          "use a kernel built with CONFIG_DEBUG_INFO_BTF"};
}

constexpr __u8 alu64(unsigned operation, unsigned source) { return static_cast<__u8>(BPF_ALU64 | operation | source); }

// What lockdown=confidentiality forbids: programs can be loaded, but not those that read kernel memory.
bool reading_is_forbidden() {
  const bpf_insn reads[] = {
      {.code = alu64(BPF_MOV, BPF_X), .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10, .off = 0, .imm = 0},
      {.code = alu64(BPF_ADD, BPF_K), .dst_reg = BPF_REG_1, .src_reg = 0, .off = 0, .imm = -8},
      {.code = alu64(BPF_MOV, BPF_K), .dst_reg = BPF_REG_2, .src_reg = 0, .off = 0, .imm = 8},
      {.code = alu64(BPF_MOV, BPF_K), .dst_reg = BPF_REG_3, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_CALL, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = BPF_FUNC_probe_read_kernel},
      {.code = alu64(BPF_MOV, BPF_K), .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  const auto loads = [](std::span<const bpf_insn> program) {
    return UniqueFd(bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "weft_reads", "GPL", program.data(), program.size(),
                                  nullptr))
               .get() >= 0;
  };
  return !loads(reads) && loads(std::span(reads).last(2));
}

// `bpf`: the system call is allowed.
Probe probe_lockdown(bool bpf) {
  std::ifstream file("/sys/kernel/security/lockdown");
  std::string line;
  if (!std::getline(file, line)) {
    if (bpf && reading_is_forbidden())
      return {"lockdown", State::missing, "not visible, and BPF may not read kernel memory", "nothing can be traced",
              "boot with lockdown=integrity or none"};
    return {"lockdown", State::works, "not visible (securityfs not mounted)", "not needed: no user memory is written",
            ""};
  }
  const auto open = line.find('['), close = line.find(']');
  const std::string mode = open != line.npos && close != line.npos ? line.substr(open + 1, close - open - 1) : line;
  if (mode == "confidentiality")
    return {"lockdown", State::missing, mode, "BPF may not read kernel memory: nothing can be traced",
            "boot with lockdown=integrity or none"};
  return {"lockdown", State::works, mode, "the same in none and integrity: no user memory is written", ""};
}

Probe probe_cgroup(const std::string& given, std::string& mount) {
  mount = given.empty() ? find_cgroup2_mount() : given;
  if (!mount.empty() && !is_cgroup_root(mount))
    return {"cgroup v2", State::limited, mount + " is not the root of the hierarchy",
            "connections that begin outside of it are changed late or not at all",
            "in a container: take the host's cgroup namespace, or mount the host's /sys/fs/cgroup anywhere in it"};
  if (!mount.empty()) return {"cgroup v2", State::works, mount, "client connections are enrolled at connect", ""};
  return {"cgroup v2", State::missing, "no cgroup2 mount in /proc/mounts",
          "client sockets cannot be found when they connect", "mount -t cgroup2 none /sys/fs/cgroup/unified"};
}

Probe probe_capture(CaptureHook wanted, CaptureHook& chosen) {
  const CaptureChoice choice = choose_capture(wanted);
  chosen = choice.hook;
  if (chosen != CaptureHook::automatic)
    return {"capture", State::works, capture_hook_text(chosen),
            fmt::format("bytes are seen in process context, by {}", capture_hook_name(chosen)), ""};
  if (wanted != CaptureHook::automatic && !choice.forbidden)
    return {"capture", State::missing,
            fmt::format("this kernel refuses what capture.hook asks for ({})", choice.refused),
            "bytes of processes cannot be seen", "leave capture.hook to auto"};
  if (choice.forbidden)
    return {"capture", State::missing, fmt::format("every hook is refused ({})", choice.refused),
            "bytes of processes cannot be seen", kAllowBpf};
  return {"capture", State::missing, fmt::format("this kernel refuses every hook ({})", choice.refused),
          "bytes of processes cannot be seen", "use Linux 6.3 or newer, or a kernel that allows fentry or kprobes"};
}

Probe probe_uprobe_multi() {
  const bool works = has_uprobe_multi();
  if (works) return {"uprobe_multi", State::works, "in this kernel", "all places in a program are probed at once", ""};
  return {"uprobe_multi", State::limited, "not in this kernel",
          "each place in a program takes a probe of its own: attaching to one takes longer", "Linux 6.6 or newer"};
}

void probe_membership(KernelReport& report) {
  const auto tested = run_self_test();
  if (!tested) {
    report.probes.push_back({"sk_msg", State::missing, tested.error().message,
                             "requests are observed, nothing is injected",
                             "check privileges and CONFIG_BPF_STREAM_PARSER"});
    return;
  }
  report.probes.push_back(
      tested->push_works ? Probe{"sk_msg", State::works, "a header put into a loopback request arrived as it should",
                                 "context is injected into HTTP and gRPC requests", ""}
                         : Probe{"sk_msg", State::missing, "a push into a loopback message did not arrive as it should",
                                 "requests are observed, nothing is injected", "use another kernel"});
  report.fionread_broken = !tested->fionread_works;
  report.probes.push_back(
      tested->fionread_works
          ? Probe{"FIONREAD", State::works, "a member socket answers it", "any client program may be enrolled", ""}
          : Probe{"FIONREAD", State::limited, "a member socket answers 0 (upstream 929e30f93125)",
                  "nginx, Java, .NET and propagation.never_enrol are observed but never changed; any other program is "
                  "let "
                  "go at its first FIONREAD, and what it asks within the next milliseconds may see 0",
                  "a kernel with the fix 04af4efde58a"});
}

}  // namespace

KernelReport probe_kernel(CaptureHook wanted, const std::string& cgroup) {
  libbpf_set_print(nullptr);
  KernelReport report;
  utsname names{};
  if (::uname(&names) == 0) report.release = names.release;
  std::string mount;
  report.probes.push_back(probe_privileges());
  const bool privileged = report.probes.back().state == State::works;
  if (privileged) report.probes.push_back(probe_bpf());
  const bool bpf = privileged && report.probes.back().state == State::works;
  report.probes.push_back(probe_btf());
  const bool btf = report.probes.back().state == State::works;
  report.probes.push_back(probe_lockdown(bpf));
  report.probes.push_back(probe_cgroup(cgroup, mount));
  if (bpf && btf) {
    report.probes.push_back(probe_capture(wanted, report.capture));
    report.probes.push_back(probe_uprobe_multi());
    probe_membership(report);
  }
  report.usable = true;
  for (const auto& probe : report.probes) {
    if (probe.state != State::missing || probe.name == "sk_msg") continue;
    report.usable = false;
    report.reason = fmt::format("{}: {}; {}", probe.name, probe.finding, probe.remedy);
    break;
  }
  return report;
}

void try_programs(KernelReport& report) {
  if (!report.usable) return;
  auto kernel = Kernel::load({.capture = report.capture, .enrol = can_enrol(report), .late_at_need = true});
  if (!kernel) {
    report.probes.push_back({"programs", State::missing, kernel.error().message, "nothing can be traced", ""});
    report.usable = false;
    report.reason = "programs: " + kernel.error().message;
    return;
  }
  if (const auto late = (*kernel)->loaded_late(); !late) {
    report.probes.push_back(
        {"programs", State::limited, late.error().message, "TLS of Go and consumers of Kafka are not followed", ""});
    return;
  }
  report.probes.push_back({"programs", State::works, "loaded and attached", "ready to trace", ""});
}

bool can_enrol(const KernelReport& report) {
  const auto sk_msg = std::ranges::find(report.probes, "sk_msg", &Probe::name);
  return sk_msg != report.probes.end() && sk_msg->state == State::works;
}

}  // namespace weft
