// SPDX-License-Identifier: Apache-2.0
#include "control/policy_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernel/unique_fd.h"

namespace weft {

Result<std::string> read_policy_file(const std::string& path) {
  const auto refuse_file = [&] { return fail(fmt::format("{}: cannot be read: {}", path, std::strerror(errno))); };
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return refuse_file();
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return refuse_file();
  if (S_ISDIR(facts.st_mode)) return fail(path + ": is a directory, not a policy file");
  if (!S_ISREG(facts.st_mode)) return fail(path + ": is no regular file");
  std::string text;
  char block[65536];
  for (;;) {
    const ssize_t got = ::read(file.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_file();
    if (got == 0) return text;
    text.append(block, static_cast<std::size_t>(got));
    if (text.size() > kMostPolicyBytes)
      return fail(fmt::format("{}: has more than {} KiB", path, kMostPolicyBytes >> 10));
  }
}

std::string policy_message(const std::string& name, const PolicyError& error) {
  if (!error.place.line) return fmt::format("{}: {}", name, error.reason);
  return fmt::format("{}:{}:{}: {}", name, error.place.line, error.place.column, error.reason);
}

std::string policy_message(const std::string& name, const PolicyWarning& warning) {
  std::string text = policy_message(name, PolicyError{warning.place, warning.reason});
  if (warning.other.line) text += fmt::format(" (line {})", warning.other.line);
  return text;
}

}  // namespace weft
