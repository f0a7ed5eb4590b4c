// SPDX-License-Identifier: Apache-2.0
// Child processes of a test: programs with their input and output on pipes, and functions run in a forked child.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/traffic/sockets.h"

namespace weft::test {

class ChildProgram {
 public:
  explicit ChildProgram(const std::vector<std::string>& argv);
  ~ChildProgram();  // kills what still runs
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  pid_t pid() const { return pid_; }
  std::optional<std::string> read_line();  // stdout; nothing at its end
  void write_line(const std::string& line);
  void kill_hard();
  int wait();  // exit code, or 128 + signal

 private:
  pid_t pid_ = -1;
  bool waited_ = false;
  Fd in_, out_;
  std::string buffer_;
};

// Runs `work` in a forked child as soon as go() is called. The child reports by what work returns.
class ForkedChild {
 public:
  explicit ForkedChild(std::function<std::string()> work);
  ~ForkedChild();
  ForkedChild(const ForkedChild&) = delete;
  ForkedChild& operator=(const ForkedChild&) = delete;

  pid_t pid() const { return pid_; }
  void go();
  std::string result();  // waits for the child's end; "died: …" when it did not finish

 private:
  pid_t pid_ = -1;
  Fd start_, report_;
};

}  // namespace weft::test
