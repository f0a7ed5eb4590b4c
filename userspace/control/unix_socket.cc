// SPDX-License-Identifier: Apache-2.0
#include "control/unix_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace weft {
namespace {

std::string reason() { return std::strerror(errno); }

Result<void> prepare_folder(const std::string& folder) {
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail(fmt::format("control socket: cannot make {}: {}", folder, reason()));
  }
  struct stat facts{};
  if (stat(folder.c_str(), &facts) != 0) return fail(fmt::format("control socket: {}: {}", folder, reason()));
  if (!S_ISDIR(facts.st_mode)) return fail(fmt::format("control socket: {} is no folder", folder));
  const bool ours = facts.st_uid == 0 || facts.st_uid == geteuid();
  const bool others_write = (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (facts.st_mode & S_ISVTX) == 0;
  if (!ours || others_write) {
    return fail(fmt::format("control socket: others may write to {}: choose another control.socket", folder));
  }
  return {};
}

// 0, or the errno of a connection attempt.
int try_connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  close(fd);
  return result;
}

}  // namespace

Result<void> prepare_socket_path(const std::string& path) {
  const auto slash = path.rfind('/');
  if (!path.starts_with('/') || slash + 1 == path.size()) {
    return fail(fmt::format("control socket: '{}' is no path of a file", path));
  }
  if (auto folder = prepare_folder(slash == 0 ? "/" : path.substr(0, slash)); !folder) return folder;
  struct stat facts{};
  if (lstat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return {};
    return fail(fmt::format("control socket: {}: {}", path, reason()));
  }
  if (!S_ISSOCK(facts.st_mode)) return fail(fmt::format("control socket: {} exists and is no socket", path));
  const int result = try_connect(path);
  if (result == ECONNREFUSED || result == ENOENT) return {};  // nobody listens: left by an agent that was killed
  if (result == 0 || result == EAGAIN) return fail(fmt::format("control socket: another agent answers at {}", path));
  return fail(fmt::format("control socket: {}: {}", path, std::strerror(result)));
}

std::string temporary_socket_path(const std::string& path) { return fmt::format("{}.{}", path, getpid()); }

Result<SocketFile> SocketFile::install(const std::string& bound_path, const std::string& path) {
  struct stat facts{};
  if (lstat(bound_path.c_str(), &facts) != 0 || rename(bound_path.c_str(), path.c_str()) != 0) {
    const std::string why = reason();
    unlink(bound_path.c_str());
    return fail(fmt::format("control socket: {}: {}", path, why));
  }
  return SocketFile(path, facts.st_dev, facts.st_ino);
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::move(other.path_)), device_(other.device_), inode_(other.inode_) {
  other.path_.clear();
}

SocketFile::~SocketFile() {
  struct stat facts{};
  if (path_.empty() || lstat(path_.c_str(), &facts) != 0) return;
  if (facts.st_dev == device_ && facts.st_ino == inode_) unlink(path_.c_str());
}

void shut_connections_of(const std::string& bound_path) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const std::string name = entry.path().filename().string();
    int fd = -1, listening = 1;
    if (std::from_chars(name.data(), name.data() + name.size(), fd).ec != std::errc()) continue;
    socklen_t size = sizeof listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening != 0) continue;
    sockaddr_un address{};
    size = sizeof address;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.sun_family != AF_UNIX) continue;
    if (bound_path == address.sun_path) shutdown(fd, SHUT_RDWR);
  }
}

}  // namespace weft
