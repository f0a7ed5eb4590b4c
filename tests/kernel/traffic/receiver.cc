// SPDX-License-Identifier: Apache-2.0
#include "kernel/traffic/receiver.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <variant>

#include "support/traffic/http2_compare.h"

namespace weft::test {
namespace {

using Comparer = std::variant<StreamComparer, Http2Comparer>;

// Reads and judges one connection; answers each request when it is complete.
class Judge {
 public:
  Judge(const RunOptions& options, std::uint64_t connection)
      : options_(options),
        plan_(make_plan(options, connection)),
        comparer_(comparer_for(options, plan_)),
        random_(options.seed, connection * 4 + 1),
        buffer_(1u << 20, '\0') {}

  Verdict run(int fd) {
    while (receive(fd) && answer(fd)) {
    }
    if (fault_.empty() && std::visit([](auto& c) { return c.finish(); }, comparer_)) shutdown(fd, SHUT_WR);
    return std::visit(
        [&](auto& c) {
          if (!c.fault().empty()) fault_ = c.fault();
          return Verdict{c.tally(), fault_.empty() ? c.remark() : fault_};
        },
        comparer_);
  }
  const Plan& plan() const { return plan_; }

 private:
  bool receive(int fd) {
    const std::size_t size = options_.slow_reader ? 1 + random_.below(30'000) : buffer_.size();
    if (options_.slow_reader && random_.one_in(16)) usleep(1000);
    const ssize_t n = recv(fd, buffer_.data(), size, 0);
    if (n < 0) fault_ = fmt::format("receive: {}", std::strerror(errno));
    const auto received = std::string_view(buffer_).substr(0, n > 0 ? static_cast<std::size_t>(n) : 0);
    return n > 0 && std::visit([&](auto& c) { return c.feed(received); }, comparer_);
  }

  bool answer(int fd) {
    if (plan_.responses.messages.empty()) return true;
    const std::size_t done = std::visit([](auto& c) { return c.requests_done(); }, comparer_);
    for (; answered_ < done; answered_++) {
      const Message& message = plan_.responses.messages[answered_];
      for (std::size_t at = message.begin; at < message.end;) {
        const std::size_t n = std::min(message.end - at, random_.one_in(3) ? 1 + random_.below(100) : message.end - at);
        if (!send_all(fd, std::string_view(plan_.responses.bytes).substr(at, n))) return failed("answer");
        at += n;
      }
    }
    return true;
  }

  bool failed(std::string_view call) {
    fault_ = fmt::format("{}: {}", call, std::strerror(errno));
    return false;
  }

  static Comparer comparer_for(const RunOptions& options, const Plan& plan) {
    if (options.http2) return Comparer(std::in_place_type<Http2Comparer>, plan.requests, plan.known);
    return Comparer(std::in_place_type<StreamComparer>, plan.requests, plan.known);
  }

  const RunOptions& options_;
  const Plan plan_;
  Comparer comparer_;
  Random random_;
  std::string buffer_;
  std::size_t answered_ = 0;
  std::string fault_;
};

Fd send_incoming(std::uint16_t port, const std::string& known) {
  Fd fd = connect_to(port);
  send_all(fd.get(),
           fmt::format("GET /incoming HTTP/1.1\r\nHost: localhost\r\ntraceparent: {}\r\ntracestate: vendor=1,w@v=2\r\n"
                       "baggage: user=ann,region=eu;p=1\r\n\r\n",
                       known));
  return fd;
}

[[noreturn]] void serve(const RunOptions& options, int control, int listener, std::uint16_t serve_port) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGPIPE, SIG_IGN);
  if (options.slow_reader) {
    // With loopback's own segment size a small window makes every exchange wait for a probe timer.
    set_option(listener, IPPROTO_TCP, TCP_MAXSEG, 1448);
    set_option(listener, SOL_SOCKET, SO_RCVBUF, 16'384);
  }
  std::uint64_t connection;
  while (read(control, &connection, sizeof connection) == sizeof connection) {
    Judge judge(options, connection);
    Fd incoming;
    if (options.serve) incoming = send_incoming(serve_port, judge.plan().known);
    Fd fd = accept_from(listener);
    set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    const Verdict verdict = judge.run(fd.get());
    // A fault ends the run: close at once, so that the sender does not wait for a reader.
    fd.reset();
    std::array<char, 4096> message{};
    std::memcpy(message.data(), &verdict.tally, sizeof verdict.tally);
    const std::size_t length = std::min(verdict.fault.size(), message.size() - sizeof verdict.tally);
    std::memcpy(message.data() + sizeof verdict.tally, verdict.fault.data(), length);
    must(static_cast<int>(send(control, message.data(), sizeof verdict.tally + length, 0)), "verdict");
    if (incoming) read_to_end(incoming.get());
  }
  std::exit(0);
}

}  // namespace

ReceiverProcess::ReceiverProcess(const RunOptions& options, Listener listener, std::uint16_t serve_port)
    : port_(listener.port) {
  std::array<int, 2> ends{};
  must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
  pid_ = must(fork(), "fork");
  if (pid_ == 0) {
    close(ends[0]);
    serve(options, ends[1], listener.fd.get(), serve_port);
  }
  close(ends[1]);
  control_ = Fd(ends[0]);
}

ReceiverProcess::~ReceiverProcess() {
  control_.reset();
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void ReceiverProcess::expect(std::uint64_t connection) {
  must(static_cast<int>(send(control_.get(), &connection, sizeof connection, MSG_NOSIGNAL)), "receiver process");
}

Verdict ReceiverProcess::verdict() {
  std::array<char, 4096> message;
  const ssize_t n = recv(control_.get(), message.data(), message.size(), 0);
  Verdict verdict;
  if (n < static_cast<ssize_t>(sizeof verdict.tally)) {
    verdict.fault = "the receiver process ended";
    return verdict;
  }
  std::memcpy(&verdict.tally, message.data(), sizeof verdict.tally);
  verdict.fault.assign(message.data() + sizeof verdict.tally, static_cast<std::size_t>(n) - sizeof verdict.tally);
  return verdict;
}

}  // namespace weft::test
