// SPDX-License-Identifier: Apache-2.0
// Where a process encrypts by OpenSSL, 1.1 or 3, or by a library with the same functions: in libssl, be it of the
// system or one that came with a package of Python or Ruby, or in the program itself, as long as it has symbols.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/known_files.h"
#include "runtime/mapped_files.h"

namespace weft {

// From read on with where they return: by probes there, since a return probe, which puts another address to return to
// on the stack, ends programs that leave a call in another way. Those with _ex are, where it can be seen in the code,
// what they and the ones without have in common: it is given the same as they are, and begins with an instruction that
// costs a probe less.
enum class OpensslFunction : std::uint8_t {
  set_connect_state,
  set_accept_state,
  clear,
  free,
  sendfile,
  do_handshake,
  read,
  read_ex,
  write,
  write_ex,
  write_ex2,
};

struct OpensslSite {
  OpensslFunction function;
  std::uint64_t offset = 0;  // in the file, of the first instruction or, where that is ENDBR64, the next one
  // The offset is one where its result is in RAX: so many bytes is the stack pointer then above what it was at the
  // first.
  std::optional<std::uint32_t> above;
  bool operator==(const OpensslSite&) const = default;
};

struct OpensslLibrary {
  std::string path;  // through which the agent can open the file
  std::vector<OpensslSite> sites;
};

// Can a file of this name, without its folder, be OpenSSL's?
bool is_openssl_name(std::string_view name);

// Thread-safe, bounded. Files are read once: the answer is kept by device, inode and modification time.
class OpensslFinder {
 public:
  explicit OpensslFinder(std::string proc_root = "/proc") : proc_root_(std::move(proc_root)) {}
  // Of what the process has mapped by now; several where it has two.
  std::vector<OpensslLibrary> find(pid_t pid);

 private:
  std::string proc_root_;
  KnownFiles<std::vector<OpensslSite>> known_{1024};
};

}  // namespace weft
