// SPDX-License-Identifier: Apache-2.0
#include "discover/proc_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

namespace weft {
namespace {

class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

std::optional<std::string> read_link(const std::string& path) {
  std::array<char, 4096> target;
  const ssize_t length = readlink(path.c_str(), target.data(), target.size());
  if (length < 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(length));
}

}  // namespace

std::string ProcFiles::path(pid_t pid, std::string_view name) const {
  std::string path = root_;
  path += '/';
  path += std::to_string(pid);
  path += '/';
  path += name;
  return path;
}

std::optional<std::string> ProcFiles::read(pid_t pid, std::string_view name, std::size_t limit_bytes) const {
  const OpenFile file(path(pid, name));
  if (file.fd() < 0) return std::nullopt;
  std::string text(std::min<std::size_t>(limit_bytes, 4096), '\0');  // enough for nearly every file
  std::size_t length = 0;
  while (length < limit_bytes) {
    if (length == text.size()) text.resize(std::min(limit_bytes, length * 2));
    const ssize_t got = ::read(file.fd(), text.data() + length, text.size() - length);
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  text.resize(length);
  return text;
}

std::optional<std::string> ProcFiles::link(pid_t pid, std::string_view name, int* error) const {
  auto target = read_link(path(pid, name));
  if (!target && error != nullptr) *error = errno;
  return target;
}

std::uint64_t ProcFiles::namespace_id(pid_t pid, std::string_view name) const {
  const auto target = link(pid, "ns/" + std::string(name));  // "net:[4026531840]"
  if (!target) return 0;
  const std::size_t open = target->find('[');
  if (open == std::string::npos) return 0;
  std::uint64_t id = 0;
  std::from_chars(target->data() + open + 1, target->data() + target->size(), id);
  return id;
}

bool ProcFiles::each_process(const std::function<void(pid_t, std::uint64_t)>& visit) const {
  const Directory directory(opendir(root_.c_str()));
  if (!directory) return false;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size() && pid > 0) visit(pid, entry->d_ino);
  }
  return true;
}

void ProcFiles::each_fd(pid_t pid, const std::function<bool(std::string_view)>& visit) const {
  const std::string fds = path(pid, "fd");
  const Directory directory(opendir(fds.c_str()));
  if (!directory) return;
  std::array<char, 64> target;  // socket:[…] fits; longer targets are no sockets
  while (const dirent* entry = readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    const ssize_t length = readlinkat(dirfd(directory.get()), entry->d_name, target.data(), target.size());
    if (length > 0 && !visit({target.data(), static_cast<std::size_t>(length)})) return;
  }
}

}  // namespace weft
