// SPDX-License-Identifier: Apache-2.0
// A program that does one socket call at a time, as it is told by lines on stdin: "WHO COMMAND …", WHO being "main",
// "child" (after a fork) or the name of a thread, which is started when it is first spoken to. One line of answer each,
// so that a test decides which thread does what and when.
#include <fmt/format.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "lifecycle_ways.h"
#include "support/traffic/process.h"
#include "support/traffic/sockets.h"

namespace weft::test {
namespace {

Listener listener;  // also of forked children

// Any bytes, two digits each.
std::string text_of(std::istringstream& words) {
  std::string hex, text;
  words >> hex;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    text += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return text;
}

std::string receive_to_end(int fd) {
  char buffer[4096];
  ssize_t n = 0;
  long all = 0;
  while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0) all += n;
  return fmt::format("{}", n < 0 ? -1 : all);
}

// A request of its own connection, which ends with it.
std::string call(std::uint16_t port, const std::string& text) {
  const Fd fd = connect_to(port);
  return send_all(fd.get(), text) ? "sent" : "failed";
}

void wait_for_exit(pid_t pid) {
  int status = 0;
  must(waitpid(pid, &status, 0), "waitpid");
}

std::string short_threads(int count) {
  for (int i = 0; i < count; i++) std::thread([] {}).join();
  return "joined";
}

std::string short_children(int count) {
  for (int i = 0; i < count; i++) {
    const pid_t pid = must(fork(), "fork");
    if (pid == 0) _exit(0);
    wait_for_exit(pid);
  }
  return "ended";
}

// Threads that live until the process ends.
std::string holding_threads(int count) {
  for (int i = 0; i < count; i++)
    std::thread([] {
      for (;;) pause();
    }).detach();
  return "held";
}

// `bytes` bytes at `data`, described in pieces of `piece` bytes.
std::vector<iovec> in_pieces(char* data, std::size_t bytes, std::size_t piece) {
  std::vector<iovec> pieces;
  for (std::size_t at = 0; at < bytes; at += piece) pieces.push_back({data + at, std::min(piece, bytes - at)});
  return pieces;
}

std::string send_pieces(int fd, std::size_t piece, std::string text) {
  const auto pieces = in_pieces(text.data(), text.size(), piece);
  return fmt::format("{}", writev(fd, pieces.data(), static_cast<int>(pieces.size())));
}

std::string receive_pieces(int fd, std::size_t piece, std::size_t bytes) {
  std::vector<char> room(bytes);
  const auto pieces = in_pieces(room.data(), room.size(), piece);
  return fmt::format("{}", readv(fd, pieces.data(), static_cast<int>(pieces.size())));
}

// In one call that waits until all of it is in the send buffer.
std::string send_filler(int fd, std::size_t bytes) { return send_all(fd, std::string(bytes, 'b')) ? "sent" : "failed"; }

// The first call of a connection is taken by this thread. Another, on another processor where there is one, sends its
// own first bytes up to 8 µs after they have come: now and then while the call is on its way back.
std::string receive_and_greet(int fd, unsigned number, const std::string& greeting) {
  // Neither is to lose its processor to others in the middle of it. The new thread inherits it.
  const sched_param first{.sched_priority = 1}, none{};
  must(sched_setscheduler(0, SCHED_FIFO, &first), "sched_setscheduler");
  std::thread other([fd, number, &greeting] {
    cpu_set_t all;
    CPU_ZERO(&all);
    for (int i = 0; i < CPU_SETSIZE; i++) CPU_SET(i, &all);
    CPU_CLR(sched_getcpu(), &all);
    (void)sched_setaffinity(0, sizeof all, &all);
    tcp_info info{};
    socklen_t bytes = sizeof info;
    while (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0 && info.tcpi_bytes_received == 0);
    const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(number * 37 % 8000);
    while (std::chrono::steady_clock::now() < until);
    send_all(fd, greeting);
  });
  char buffer[256];
  const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
  other.join();
  must(sched_setscheduler(0, SCHED_OTHER, &none), "sched_setscheduler");
  return fmt::format("{}", n);
}

// A connection of which one read is all that the program wants.
std::string read_and_close() {
  char buffer[4096];
  const Fd fd(must(accept(listener.fd.get(), nullptr, nullptr), "accept"));
  (void)!recv(fd.get(), buffer, sizeof buffer, 0);
  return "closed";
}

// Sockets made from here on by this thread belong to a network of their own, which has a loopback device only.
std::string own_network() {
  must(unshare(CLONE_NEWNET), "unshare");
  const Fd any(must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq loopback{};
  loopback.ifr_name[0] = 'l';
  loopback.ifr_name[1] = 'o';
  loopback.ifr_flags = IFF_UP;
  must(ioctl(any.get(), SIOCSIFFLAGS, &loopback), "SIOCSIFFLAGS");
  return fmt::format("{}", gettid());
}

// This thread runs on one processor alone from now on.
std::string stay_on(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(processor), &set);
  return sched_setaffinity(0, sizeof set, &set) == 0 ? "staying" : "failed";
}

std::string perform(const std::string& line) {
  static char buffer[65536];  // commands run one after the other
  std::istringstream words(line);
  std::string command;
  int number = -1;
  words >> command;
  if (command == "listen") {
    listener = listen_on_loopback();
    return fmt::format("{}", listener.port);
  }
  if (command == "accept") return fmt::format("{}", must(accept(listener.fd.get(), nullptr, nullptr), "accept"));
  if (command == "read_and_close") return read_and_close();
  if (command == "network") return own_network();
  words >> number;
  if (command == "call") return call(static_cast<std::uint16_t>(number), text_of(words));
  if (command == "connect") {
    int send_buffer_bytes = 0;
    words >> send_buffer_bytes;
    return fmt::format("{}", dup(connect_to(static_cast<std::uint16_t>(number), false, send_buffer_bytes).get()));
  }
  if (command == "recv") return fmt::format("{}", recv(number, buffer, sizeof buffer, 0));
  if (command == "recv_and_greet") {
    unsigned number_of_it = 0;
    words >> number_of_it;
    return receive_and_greet(number, number_of_it, text_of(words));
  }
  if (command == "recv_to_end") return receive_to_end(number);
  if (command == "send") return send_all(number, text_of(words)) ? "sent" : "failed";
  if (command == "sendv" || command == "recvv") {
    std::size_t piece = 0, bytes = 0;
    words >> piece;
    if (command == "sendv") return send_pieces(number, piece, text_of(words));
    words >> bytes;
    return receive_pieces(number, piece, bytes);
  }
  if (command == "fill") {
    std::size_t bytes = 0;
    words >> bytes;
    return send_filler(number, bytes);
  }
  if (command == "sendfile") return send_file(number, text_of(words));
  if (command == "splice_in" || command == "splice_out")
    return splice_all(number, command == "splice_out", text_of(words));
  if (command == "sendmmsg" || command == "recvmmsg") {
    unsigned count = 0;
    words >> count;
    return in_messages(number, command == "recvmmsg", count, text_of(words));
  }
  if (command == "zerocopy") return send_zerocopy(number, text_of(words));
  if (command.starts_with("ring_")) return by_ring(command.substr(5), number, text_of(words));
  if (command == "close") return fmt::format("{}", close(number));
  if (command == "never_wait") {
    set_nonblocking(number, true);
    return "set";
  }
  // The peer's FIN or reset has arrived.
  if (command == "await_end") return wait_for(number, POLLRDHUP, 5000) ? "ended" : "timeout";
  if (command == "threads") return short_threads(number);
  if (command == "children") return short_children(number);
  if (command == "hold") return holding_threads(number);
  if (command == "processor") return stay_on(number);
  return "unknown command";
}

// A thread that does what it is given, one command at a time.
class Worker {
 public:
  Worker() : thread_([this] { run(); }) {}
  ~Worker() {
    give(std::nullopt);
    thread_.join();
  }
  std::string run_one(const std::string& command) {
    give(command);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return answer_.has_value(); });
    return *answer_;
  }

 private:
  void give(std::optional<std::string> command) {
    const std::lock_guard lock(mutex_);
    command_ = std::move(command);
    answer_.reset();
    given_ = true;
    changed_.notify_all();
  }
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return given_; });
      given_ = false;
      if (!command_) return;
      answer_ = perform(*command_);
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> command_, answer_;
  bool given_ = false;
  std::thread thread_;  // last: starts when the rest is there
};

// A forked child that takes commands as this process does, over a pair of Unix sockets.
struct Child {
  pid_t pid = -1;
  FILE* lines = nullptr;
};

[[noreturn]] void serve(FILE* in, FILE* out);

Child fork_child() {
  int ends[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
  const pid_t pid = must(fork(), "fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ends[0]);
    FILE* lines = fdopen(ends[1], "r+");
    serve(lines, lines);
  }
  close(ends[1]);
  return {.pid = pid, .lines = fdopen(ends[0], "r+")};
}

std::optional<std::string> read_line(FILE* in) {
  std::string line;
  for (int c; (c = std::fgetc(in)) != EOF;) {
    if (c == '\n') return line;
    line.push_back(static_cast<char>(c));
  }
  return std::nullopt;
}

void write_line(FILE* out, const std::string& line) {
  std::fprintf(out, "%s\n", line.c_str());
  std::fflush(out);
}

std::string ask_child(Child& child, const std::string& line) {
  if (child.pid < 0) return "no child";
  write_line(child.lines, line);
  if (auto answer = read_line(child.lines)) return *answer;
  wait_for_exit(child.pid);
  return "child ended";
}

// Ends the process without a word to its threads, as a crash would.
[[noreturn]] void serve(FILE* in, FILE* out) {
  std::map<std::string, std::unique_ptr<Worker>> workers;
  Child child;
  while (const auto line = read_line(in)) {
    const std::size_t space = line->find(' ');
    const std::string who = line->substr(0, space), command = line->substr(space + 1);
    if (who == "child") {
      write_line(out, ask_child(child, command));
    } else if (who == "main" && command == "exit") {
      break;
    } else if (who == "main" && command == "fork") {
      child = fork_child();
      write_line(out, fmt::format("{}", child.pid));
    } else if (who == "main") {
      write_line(out, perform(command));
    } else if (command == "quit") {
      workers.erase(who);
      write_line(out, "quit");
    } else {
      auto& worker = workers[who];
      if (!worker) worker = std::make_unique<Worker>();
      write_line(out, worker->run_one(command));
    }
  }
  _exit(0);
}

}  // namespace
}  // namespace weft::test

int main() {
  // Programs on one CPU use the same scratch memory: what one call leaves in it meets the next, every time.
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(sched_getcpu(), &here);
  weft::test::must(sched_setaffinity(0, sizeof here, &here), "sched_setaffinity");
  std::signal(SIGPIPE, SIG_IGN);
  weft::test::serve(stdin, stdout);
}
