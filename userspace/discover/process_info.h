// SPDX-License-Identifier: Apache-2.0
// What weft wants to know of a process, read from /proc in steps: what every process needs for the decision whether it
// is traced costs about 30 µs, the rest is read when a rule asks for it and for traced processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "discover/proc_files.h"
#include "discover/rules.h"

namespace weft {

// Of the environment nothing else is ever kept: it holds secrets.
struct EnvironmentHints {
  std::string otel_service_name;            // OTEL_SERVICE_NAME
  std::string otel_resource_attributes;     // OTEL_RESOURCE_ATTRIBUTES, still percent-encoded
  std::vector<std::string> exporter_names;  // names, without values, of OTEL_… exporter settings: a hint, no proof
  bool gunicorn_cmd_args = false;           // GUNICORN_CMD_ARGS is set
};

struct ProcessInfo {
  pid_t pid = 0;
  pid_t parent = 0;
  std::uint64_t start_ticks = 0;  // since boot, in clock ticks; with the pid it names one process for good
  std::string comm;
  std::string executable;  // resolved, without the " (deleted)" of a replaced file
  bool executable_deleted = false;
  std::vector<std::string> args;    // argv, cut at 64 KiB in all
  std::string descriptor_file;      // what the first argument like /dev/fd/3 stands for; empty: no program file
  std::string container_id;         // 64 hex digits, or empty
  std::uint64_t net_namespace = 0;  // inode; 0: unreadable
  std::uint64_t pid_namespace = 0;
  Language language = Language::unknown;
  EnvironmentHints environment;  // only after read_environment

  std::string command_line() const;  // args joined by one space
};

// A process that runs a program and may not be looked at.
struct DeniedRead {
  pid_t pid = 0;
  pid_t parent = 0;
  std::uint64_t start_ticks = 0;
  std::string comm;
  std::string path;  // in /proc, which could not be read …
  int error = 0;     // … and why
};

std::string_view base_name(std::string_view path);

// Takes the " (deleted)" off that the kernel puts behind the path of a file which is no longer there. False: there is
// none.
bool drop_deleted_mark(std::string& path);

// "3" of /dev/fd/3 and /proc/self/fd/3, empty for anything else: fexecve of a script hands it over under such a name.
std::string_view descriptor_number(std::string_view path);

// Thread-safe when its Language guesser is (it caches by file identity).
class LanguageGuesser;
class ProcessReader {
 public:
  // `languages` may be null (language stays unknown); both must outlive the reader.
  ProcessReader(const ProcFiles& files, LanguageGuesser* languages) : files_(files), languages_(languages) {}

  // What costs least: files, names, times, arguments, the language of interpreters. Nothing: gone, not readable, a
  // zombie or a kernel thread. `denied` is set where it is none of these, but may not be looked at.
  std::optional<ProcessInfo> read(pid_t pid, std::optional<DeniedRead>* denied = nullptr) const;
  void read_container(ProcessInfo& info) const;  // container_id, pid_namespace
  void read_network(ProcessInfo& info) const;    // net_namespace
  void read_language(ProcessInfo& info) const;   // of native programs
  void read_environment(ProcessInfo& info) const;

  // The thread group that `id` belongs to; nothing when there is no such process.
  std::optional<pid_t> thread_group(pid_t id) const;

  const ProcFiles& files() const { return files_; }

 private:
  std::optional<DeniedRead> denied(pid_t pid, int error) const;

  const ProcFiles& files_;
  LanguageGuesser* languages_;
};

}  // namespace weft
