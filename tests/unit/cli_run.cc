// SPDX-License-Identifier: Apache-2.0
#include "unit/cli_run.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>
#include <utility>

namespace weft {
namespace {

std::string read_all(int fd) {
  std::string text;
  char block[4096];
  for (ssize_t got; (got = read(fd, block, sizeof block)) > 0;) text.append(block, static_cast<std::size_t>(got));
  return text;
}

}  // namespace

RunningWeft::RunningWeft(const std::vector<std::string>& arguments, const std::string& socket_variable) {
  int out[2], err[2];
  REQUIRE(pipe2(out, O_CLOEXEC) == 0);
  REQUIRE(pipe2(err, O_CLOEXEC) == 0);
  pid_ = fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    if (socket_variable.empty())
      unsetenv("WEFT_CONTROL_SOCKET");
    else
      setenv("WEFT_CONTROL_SOCKET", socket_variable.c_str(), 1);
    setenv("TZ", "UTC", 1);
    std::vector<char*> argv = {const_cast<char*>(WEFT_PROGRAM)};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(WEFT_PROGRAM, argv.data());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

RunningWeft::~RunningWeft() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (out_ >= 0) close(out_);
  if (err_ >= 0) close(err_);
}

std::string RunningWeft::read_until(const std::string& text) {
  char block[4096];
  while (out_text_.find(text) == std::string::npos) {
    const ssize_t got = read(out_, block, sizeof block);
    if (got <= 0) break;
    out_text_.append(block, static_cast<std::size_t>(got));
  }
  return out_text_;
}

void RunningWeft::interrupt() { kill(pid_, SIGINT); }

void RunningWeft::close_output() { close(std::exchange(out_, -1)); }

Finished RunningWeft::finish() {
  Finished finished;
  std::thread errors([&] { finished.err = read_all(err_); });
  finished.out = out_text_ + (out_ >= 0 ? read_all(out_) : "");
  errors.join();
  int status = 0;
  waitpid(std::exchange(pid_, -1), &status, 0);
  finished.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

Finished run_weft(const std::vector<std::string>& arguments, const std::string& socket_variable) {
  return RunningWeft(arguments, socket_variable).finish();
}

}  // namespace weft
