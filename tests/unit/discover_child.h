// SPDX-License-Identifier: Apache-2.0
// A real child process with a pipe to its standard input and one from its standard output.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace weft::test {

// Until /proc says that the process executes a file of this name.
inline void wait_for_executable(pid_t pid, const std::string& name) {
  const std::string process = "/proc/" + std::to_string(pid), link = process + "/exe";
  for (int i = 0; i < 10'000; ++i) {
    std::array<char, 4096> target;
    const ssize_t length = readlink(link.c_str(), target.data(), target.size());
    const std::string path(target.data(), length < 0 ? 0 : static_cast<std::size_t>(length));
    // The arguments of the new program are there a moment later than its file.
    if (path.ends_with("/" + name) && std::ifstream(process + "/cmdline").get() != EOF) return;
    ::poll(nullptr, 0, 1);
  }
}

class Child {
 public:
  explicit Child(const std::vector<std::string>& args, const std::vector<std::string>& environment = {}) {
    std::array<int, 2> in{}, out{};
    if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      for (const std::string& variable : environment) putenv(strdup(variable.c_str()));
      std::vector<char*> argv;
      for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
      argv.push_back(nullptr);
      execvp(argv[0], argv.data());
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  Child(Child&& other) noexcept
      : pid_(other.pid_),
        running_(std::exchange(other.running_, false)),
        in_(std::exchange(other.in_, -1)),
        out_(std::exchange(other.out_, -1)) {}
  ~Child() {
    if (running_) kill(pid_, SIGKILL);
    finish();
    if (out_ >= 0) close(out_);
  }

  pid_t pid() const { return pid_; }

  std::string read_line() {
    std::string line;
    for (char c = 0; read(out_, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }
  void write_line(const std::string& text) {
    const std::string line = text + '\n';
    if (write(in_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
  }
  // Closes its input and waits for its end.
  void finish() {
    if (in_ >= 0) close(std::exchange(in_, -1));
    if (std::exchange(running_, false)) waitpid(pid_, nullptr, 0);
  }
  void wait_for_executable(const std::string& name) const { test::wait_for_executable(pid_, name); }

 private:
  pid_t pid_ = 0;
  bool running_ = true;
  int in_ = -1;
  int out_ = -1;
};

}  // namespace weft::test
