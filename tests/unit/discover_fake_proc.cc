// SPDX-License-Identifier: Apache-2.0
#include "unit/discover_fake_proc.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace weft::test {
namespace fs = std::filesystem;
namespace {

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

void link(const fs::path& path, const std::string& target) {
  fs::create_directories(path.parent_path());
  fs::remove(path);
  fs::create_symlink(target, path);
}

std::string joined_by_nul(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += part + '\0';
  return text;
}

}  // namespace

FakeProc::FakeProc() {
  std::string name = (fs::temp_directory_path() / "weft-proc-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  root_ = name;
  put({.pid = 1, .exe = "/sbin/init", .args = {"/sbin/init"}, .parent = 0, .start = 1});
  write(root_ / "uptime", "1 1\n");  // not a process
}

FakeProc::~FakeProc() { fs::remove_all(root_); }

void FakeProc::put(const FakeProcess& process) {
  // The old directory goes last, so that the new one cannot have its inode.
  const fs::path fresh = root_ / ("new-" + std::to_string(process.pid));
  fill(fresh, process);
  const fs::path old = root_ / "old";
  if (fs::exists(directory(process.pid))) fs::rename(directory(process.pid), old);
  fs::rename(fresh, directory(process.pid));
  fs::remove_all(old);
}

void FakeProc::exec(const FakeProcess& process) { fill(directory(process.pid), process); }

void FakeProc::end(pid_t pid) { fs::remove_all(directory(pid)); }

void FakeProc::fill(const fs::path& directory, const FakeProcess& process) {
  const std::string pid = std::to_string(process.pid);
  std::string stat = pid + " (" + process.comm + ") S " + std::to_string(process.parent);
  for (int field = 5; field < 22; ++field) stat += " 7";
  write(directory / "stat", stat + ' ' + std::to_string(process.start) + " 8 9\n");
  write(directory / "status", "Name:\t" + process.comm + "\nTgid:\t" + pid + "\nPid:\t" + pid + "\n");
  write(directory / "cmdline", joined_by_nul(process.args));
  write(directory / "environ", joined_by_nul(process.environment));
  write(directory / "cgroup", process.cgroup);
  if (!process.exe.empty()) link(directory / "exe", process.exe);
  link(directory / "ns/net", "net:[" + std::to_string(process.net_namespace) + "]");
  link(directory / "ns/pid", "pid:[" + std::to_string(process.pid_namespace) + "]");
  fs::create_directories(directory / "fd");
  link(directory / "fd/0", "/dev/null");
  int fd = 3;
  for (const std::uint64_t inode : process.sockets) {
    link(directory / "fd" / std::to_string(fd++), "socket:[" + std::to_string(inode) + "]");
  }
}

void FakeProc::listen(pid_t pid, const std::vector<Socket>& sockets, const char* file) {
  std::string text =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
  int line = 0;
  for (const Socket& socket : sockets) {
    char row[256];
    std::snprintf(
        row, sizeof(row),
        "%4d: %s:%04X 00000000:0000 %s 00000000:00000000 00:00000000 00000000     0        0 %llu 1 0 100 0 0 10 0\n",
        line++, std::string(file) == "tcp6" ? "00000000000000000000000000000000" : "0100007F", socket.port,
        socket.state.c_str(), static_cast<unsigned long long>(socket.inode));
    text += row;
  }
  write(directory(pid) / "net" / file, text);
}

}  // namespace weft::test
