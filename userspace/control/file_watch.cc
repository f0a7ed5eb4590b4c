// SPDX-License-Identifier: Apache-2.0
#include "control/file_watch.h"

#include <limits.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <filesystem>
#include <vector>

namespace weft {
namespace {

// Not IN_MODIFY: a file that is being written holds half of what is meant, which may be valid YAML.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                  IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;
constexpr int kMostLinks = 40;  // as the kernel

std::deque<std::string> components(const std::string& path) {
  std::deque<std::string> parts;
  for (std::size_t at = 0; at < path.size();) {
    const auto slash = std::min(path.find('/', at), path.size());
    if (slash > at && path.substr(at, slash - at) != ".") parts.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return parts;
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder == "/" ? "/" + name : folder + "/" + name;
}

std::string parent(const std::string& folder) {
  const auto slash = folder.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : folder.substr(0, slash);
}

// Empty when it is none.
std::string link_target(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t bytes = ::readlink(path.c_str(), target, sizeof target);
  return bytes > 0 ? std::string(target, static_cast<std::size_t>(bytes)) : std::string();
}

struct Step {
  std::string folder, name;
};

}  // namespace

FileWatch::FileWatch(const std::string& path)
    : path_(std::filesystem::absolute(path).lexically_normal()), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  arm();
  accepted_ = pending_ = look();
}

// Walks from the root as the kernel does, and watches each folder before looking into it, so that no change is missed
// between the two.
void FileWatch::arm() {
  if (!inotify_) return;
  std::map<int, std::set<std::string>> folders;
  std::map<int, std::string> paths;
  complete_ = true;
  std::string folder = "/";
  std::deque<std::string> way = components(path_);
  int links = 0;
  while (!way.empty()) {
    const std::string name = way.front();
    way.pop_front();
    if (name == "..") {
      folder = parent(folder);
      continue;
    }
    const int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), kEvents);
    if (watch < 0) {
      if (errno != ENOTDIR && errno != ENOENT) complete_ = false;
      break;
    }
    folders[watch].insert(name);
    paths[watch] = folder;
    const std::string here = joined(folder, name);
    if (const std::string target = link_target(here); !target.empty()) {
      if (++links > kMostLinks) break;
      if (target.starts_with('/')) folder = "/";
      const auto more = components(target);
      way.insert(way.begin(), more.begin(), more.end());
    } else {
      folder = here;
    }
  }
  for (const auto& [watch, names] : folders_) {
    if (!folders.contains(watch)) ::inotify_rm_watch(inotify_.get(), watch);
  }
  folders_ = std::move(folders);
  paths_ = std::move(paths);
}

bool FileWatch::changed() {
  const bool told = inotify_ && drain();
  if (told) {
    arm();
    accepted_ = pending_ = look();
    return true;
  }
  return !complete_ && looks_changed();
}

// Without events: what has changed must stay as it is from one look to the next.
bool FileWatch::looks_changed() {
  const Look now = look();
  const bool settled = now == pending_;
  pending_ = now;
  if (!settled || now == accepted_) return false;
  accepted_ = now;
  arm();
  return true;
}

bool FileWatch::drain() {
  bool concerned = false;
  alignas(inotify_event) char buffer[8192];
  for (;;) {
    const ssize_t bytes = ::read(inotify_.get(), buffer, sizeof buffer);
    if (bytes <= 0) return concerned;
    for (ssize_t at = 0; at < bytes;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof *event + event->len);
      if (concerns(event->wd, event->mask, event->len ? event->name : "")) concerned = true;
    }
  }
}

bool FileWatch::concerns(int folder, unsigned mask, const char* name) const {
  if (mask & IN_Q_OVERFLOW) return true;
  const auto names = folders_.find(folder);
  if (names == folders_.end()) return false;  // watched before
  if (!*name) return true;                    // the folder itself went away, or what it may be used for changed
  if (!names->second.contains(name)) return false;
  if (!(mask & IN_CREATE) || (mask & IN_ISDIR)) return true;
  // A new file is written first and closed then; links are complete at once.
  struct stat facts{};
  if (::lstat(joined(paths_.at(folder), name).c_str(), &facts) != 0) return true;
  return !S_ISREG(facts.st_mode) || facts.st_nlink > 1;
}

FileWatch::Look FileWatch::look() const {
  struct stat facts{};
  if (::stat(path_.c_str(), &facts) != 0) return {.error = errno};
  return {0, facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtim};
}

bool FileWatch::Look::operator==(const Look& other) const {
  return error == other.error && device == other.device && inode == other.inode && bytes == other.bytes &&
         modified.tv_sec == other.modified.tv_sec && modified.tv_nsec == other.modified.tv_nsec;
}

}  // namespace weft
