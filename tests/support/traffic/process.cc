// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace weft::test {
namespace {

struct Pipe {
  Fd read, write;
  Pipe() {
    std::array<int, 2> ends{};
    must(pipe2(ends.data(), O_CLOEXEC), "pipe");
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
};

int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

ChildProgram::ChildProgram(const std::vector<std::string>& argv) {
  Pipe in, out;
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_ = must(fork(), "fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in.read.get(), STDIN_FILENO);
    dup2(out.write.get(), STDOUT_FILENO);
    execv(arguments[0], arguments.data());
    die(argv[0]);
  }
  in_ = std::move(in.write);
  out_ = std::move(out.read);
}

ChildProgram::~ChildProgram() {
  if (waited_) return;
  kill_hard();
  wait();
}

std::optional<std::string> ChildProgram::read_line() {
  for (;;) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    char bytes[4096];
    const ssize_t n = read(out_.get(), bytes, sizeof bytes);
    if (n <= 0) return std::nullopt;
    buffer_.append(bytes, static_cast<std::size_t>(n));
  }
}

void ChildProgram::write_line(const std::string& line) {
  const std::string text = line + "\n";
  must(static_cast<int>(write(in_.get(), text.data(), text.size())), "child's input");
}

void ChildProgram::kill_hard() { kill(pid_, SIGKILL); }

int ChildProgram::wait() {
  int status = 0;
  must(waitpid(pid_, &status, 0), "waitpid");
  waited_ = true;
  return exit_code(status);
}

ForkedChild::ForkedChild(std::function<std::string()> work) {
  Pipe start, report;
  pid_ = must(fork(), "fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGPIPE, SIG_IGN);
    start.write.reset();
    char byte;
    if (read(start.read.get(), &byte, 1) != 1) _exit(1);
    const std::string text = work();
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t n = write(report.write.get(), text.data() + at, text.size() - at);
      if (n <= 0) _exit(1);
      at += static_cast<std::size_t>(n);
    }
    _exit(0);
  }
  start_ = std::move(start.write);
  report_ = std::move(report.read);
}

ForkedChild::~ForkedChild() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void ForkedChild::go() { must(static_cast<int>(write(start_.get(), "g", 1)), "child's start"); }

std::string ForkedChild::result() {
  std::string text;
  char bytes[4096];
  for (ssize_t n; (n = read(report_.get(), bytes, sizeof bytes)) > 0;) text.append(bytes, static_cast<std::size_t>(n));
  int status = 0;
  must(waitpid(pid_, &status, 0), "waitpid");
  pid_ = -1;
  if (exit_code(status) != 0) return fmt::format("died: {}", exit_code(status));
  return text;
}

}  // namespace weft::test
