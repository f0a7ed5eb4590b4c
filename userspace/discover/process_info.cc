// SPDX-License-Identifier: Apache-2.0
#include "discover/process_info.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "discover/container_id.h"
#include "discover/language.h"

namespace weft {
namespace {

constexpr std::size_t kMaxArgs_bytes = 64 * 1024;
constexpr std::size_t kMaxEnvironment_bytes = 1024 * 1024;
constexpr std::size_t kMaxCgroup_bytes = 16 * 1024;
constexpr std::uint32_t kKernelThread = 0x00200000;  // PF_KTHREAD

template <class Number>
Number number_of(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// /proc/PID/stat: the name in parentheses may hold anything, so the fields are counted from its last ')'.
// `runs` becomes whether it is a program: neither a kernel thread nor ended.
bool parse_stat(std::string_view text, ProcessInfo& info, bool* runs = nullptr) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
  info.comm = text.substr(open + 1, close - open - 1);
  std::string_view rest = text.substr(close + 1);
  if (runs != nullptr) *runs = true;
  for (int field = 3; field <= 22; ++field) {  // numbered as in proc(5)
    const std::size_t begin = rest.find_first_not_of(' ');
    if (begin == std::string_view::npos) return false;
    rest.remove_prefix(begin);
    const std::string_view value = rest.substr(0, rest.find_first_of(" \n"));
    if (runs != nullptr && field == 3) *runs = value != "Z" && value != "X";
    if (runs != nullptr && field == 9) *runs = *runs && (number_of<std::uint32_t>(value) & kKernelThread) == 0;
    if (field == 4) info.parent = number_of<pid_t>(value);
    if (field == 22) info.start_ticks = number_of<std::uint64_t>(value);
    rest.remove_prefix(value.size());
  }
  return true;
}

std::vector<std::string> split_args(std::string_view text) {
  std::vector<std::string> args;
  // A process that rewrote its title leaves a run of NULs behind it.
  while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    args.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return args;
}

// Settings of an SDK's exporter whose presence is worth a hint. Values may be credentials and are not looked at.
bool is_exporter_setting(std::string_view name) {
  return name.starts_with("OTEL_EXPORTER_") || name == "OTEL_TRACES_EXPORTER" || name == "OTEL_SDK_DISABLED";
}

void take_variable(std::string_view entry, EnvironmentHints& hints) {
  const std::size_t equals = entry.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view name = entry.substr(0, equals);
  if (name == "GUNICORN_CMD_ARGS") hints.gunicorn_cmd_args = true;
  if (!name.starts_with("OTEL_")) return;
  if (name == "OTEL_SERVICE_NAME") hints.otel_service_name = entry.substr(equals + 1);
  if (name == "OTEL_RESOURCE_ATTRIBUTES") hints.otel_resource_attributes = entry.substr(equals + 1);
  if (is_exporter_setting(name)) hints.exporter_names.emplace_back(name);
}

// Descriptors are closed and opened again: one that now is a log file or a socket tells no name, so the file has to be
// one that can be executed, as a script given to fexecve is.
std::string descriptor_file(const ProcFiles& files, pid_t pid, const std::vector<std::string>& args) {
  const auto arg = std::find_if(args.begin(), args.end(), [](const auto& a) { return !descriptor_number(a).empty(); });
  if (arg == args.end()) return {};
  const std::string descriptor = "fd/" + std::string(descriptor_number(*arg));
  struct stat facts{};
  if (stat(files.path(pid, descriptor).c_str(), &facts) != 0 || !S_ISREG(facts.st_mode) ||
      (facts.st_mode & 0111) == 0) {
    return {};
  }
  std::string file = files.link(pid, descriptor).value_or("");
  drop_deleted_mark(file);
  return file;
}

}  // namespace

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool drop_deleted_mark(std::string& path) {
  constexpr std::string_view kMark = " (deleted)";
  if (!path.ends_with(kMark)) return false;
  path.resize(path.size() - kMark.size());
  return true;
}

std::string_view descriptor_number(std::string_view path) {
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    const std::string_view number = path.substr(folder.size());
    const bool digits = std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
    return digits ? number : std::string_view{};
  }
  return {};
}

std::string ProcessInfo::command_line() const {
  std::string line;
  for (const std::string& arg : args) {
    if (!line.empty()) line += ' ';
    line += arg;
  }
  return line;
}

// Who may not look at a process may still read its line in stat.
std::optional<DeniedRead> ProcessReader::denied(pid_t pid, int error) const {
  if (error != EACCES && error != EPERM) return std::nullopt;
  ProcessInfo info;
  bool runs = false;
  const auto stat = files_.read(pid, "stat", 4096);
  if (!stat || !parse_stat(*stat, info, &runs) || !runs) return std::nullopt;
  return DeniedRead{pid, info.parent, info.start_ticks, std::move(info.comm), files_.path(pid, "exe"), error};
}

std::optional<ProcessInfo> ProcessReader::read(pid_t pid, std::optional<DeniedRead>* denied) const {
  ProcessInfo info;
  info.pid = pid;
  // First, because it also dismisses kernel threads and zombies, and most processes that are already gone.
  int error = 0;
  auto executable = files_.link(pid, "exe", &error);
  if (!executable && denied != nullptr) *denied = this->denied(pid, error);
  if (!executable || executable->empty()) return std::nullopt;
  info.executable_deleted = drop_deleted_mark(*executable);
  info.executable = std::move(*executable);

  const auto stat = files_.read(pid, "stat", 4096);
  if (!stat || !parse_stat(*stat, info)) return std::nullopt;
  if (const auto args = files_.read(pid, "cmdline", kMaxArgs_bytes)) info.args = split_args(*args);
  info.descriptor_file = descriptor_file(files_, pid, info.args);
  info.language = language_of_name(info.executable);
  return info;
}

void ProcessReader::read_container(ProcessInfo& info) const {
  if (const auto cgroup = files_.read(info.pid, "cgroup", kMaxCgroup_bytes)) {
    info.container_id = container_id_of_cgroup(*cgroup);
  }
  info.pid_namespace = files_.namespace_id(info.pid, "pid");
}

void ProcessReader::read_network(ProcessInfo& info) const { info.net_namespace = files_.namespace_id(info.pid, "net"); }

void ProcessReader::read_language(ProcessInfo& info) const {
  if (languages_ == nullptr || info.language != Language::unknown) return;
  info.language = languages_->guess(files_.path(info.pid, "exe"), info.executable);
}

void ProcessReader::read_environment(ProcessInfo& info) const {
  info.environment = {};
  auto text = files_.read(info.pid, "environ", kMaxEnvironment_bytes);
  if (!text) return;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\0');
    take_variable(rest.substr(0, end), info.environment);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  explicit_bzero(text->data(), text->size());  // the rest of it is nobody's business
}

std::optional<pid_t> ProcessReader::thread_group(pid_t id) const {
  const auto status = files_.read(id, "status", 4096);
  if (!status) return std::nullopt;
  const std::size_t at = status->find("\nTgid:\t");
  if (at == std::string::npos) return std::nullopt;
  return number_of<pid_t>(std::string_view(*status).substr(at + 7));
}

}  // namespace weft
