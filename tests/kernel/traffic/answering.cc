// SPDX-License-Identifier: Apache-2.0
// An ordinary HTTP/1.1 server as the tests trace it (the child), and its client, which compares each byte of the
// responses with what was sent. Everything follows from --seed. Prints "ready PID" of the server, goes on at a line on
// stdin, then prints one JSON line; exit code 1 on any difference.
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "kernel/traffic/plan.h"
#include "support/traffic/answer_compare.h"
#include "support/traffic/reader.h"

namespace weft::test {
namespace {

// The requests of a plan, each with a context that says its number.
Plan numbered_plan(const RunOptions& options, std::uint64_t connection) {
  Plan plan = make_plan(options, connection);
  Stream numbered;
  for (std::size_t i = 0; i < plan.requests.messages.size(); i++) {
    const Message& old = plan.requests.messages[i];
    Message message{.begin = numbered.bytes.size()};
    const std::string_view text = std::string_view(plan.requests.bytes).substr(old.begin, old.end - old.begin);
    // Nothing of the plan's own fields: only what frames it.
    const std::string_view line = text.substr(0, text.find("\r\n") + 2);
    numbered.bytes +=
        fmt::format("{}Host: localhost\r\nConnection: keep-alive\r\ntraceparent: 00-{}-00000000000000aa-01\r\n\r\n",
                    line, AnswerComparer::expected_trace(i));
    message.head_end = message.end = numbered.bytes.size();
    message.head_method = old.head_method;
    numbered.messages.push_back(message);
  }
  plan.requests = std::move(numbered);
  return plan;
}

// One connection after the other, as one thread does that blocks or polls.
[[noreturn]] void serve(const RunOptions& options, int listener) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (std::uint64_t k = options.first_connection;; k++) {
    const Plan plan = numbered_plan(options, k);
    const Fd fd = accept_from(listener);
    if (plan.send_buffer_bytes) set_option(fd.get(), SOL_SOCKET, SO_SNDBUF, plan.send_buffer_bytes);
    if (options.nonblocking) set_nonblocking(fd.get(), true);
    if (options.send.zerocopy) set_option(fd.get(), SOL_SOCKET, SO_ZEROCOPY, 1);
    Random send_random(options.seed, k * 4 + 2), read_random(options.seed, k * 4 + 3);
    Sender sender(fd.get(), send_random, options.send, plan.responses);
    Reader reader(fd.get(), read_random, plan.requests, options.varied_reads);
    if (!options.nonblocking && !options.varied_reads) reader.must_wait();
    for (std::size_t i = 0; i < plan.requests.messages.size(); i++) {
      if (!reader.read_until(plan.requests.messages[i].end)) {
        fmt::print(stderr, "server, connection {}: {}\n", k, reader.error());
        _exit(1);
      }
      if (!sender.send_until(plan.responses.messages[i].end)) {
        fmt::print(stderr, "server, connection {}: {}\n", k, sender.error());
        _exit(1);
      }
    }
    if (!sender.collect_notices() || !sender.file_unchanged()) {
      fmt::print(stderr, "server, connection {}: {}\n", k, sender.error());
      _exit(1);
    }
  }
}

struct Totals {
  AnswerTally tally;
  std::uint64_t connections = 0, last = 0;
  std::string error;
};

class Client {
 public:
  Client(const RunOptions& options, std::uint16_t port) : options_(options), port_(port), buffer_(1u << 20, '\0') {}

  Totals run() {
    // Two at least: how the server reads is found with the first one, which goes without headers at first.
    const auto enough = [this] {
      if (options_.stop_on_input) return totals_.connections > 0 && wait_for(STDIN_FILENO, POLLIN, 0);
      return totals_.connections > 1 && totals_.tally.bytes >= options_.bytes;
    };
    for (std::uint64_t k = options_.first_connection; totals_.error.empty() && !enough(); k++) {
      totals_.last = k;
      connection(k);
      totals_.connections++;
    }
    return totals_;
  }

 private:
  void connection(std::uint64_t k) {
    const Plan plan = numbered_plan(options_, k);
    const Fd fd = connect_to(port_, options_.ipv6);
    Random random(options_.seed, k * 4 + 1);
    AnswerComparer comparer(plan.responses);
    if (options_.slow_reader) set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, 16'384);
    const std::size_t messages = plan.requests.messages.size();
    // Pipelined: a few more requests than answers.
    const std::size_t ahead = options_.answers == Answers::pipelined ? 1 + random.below(6) : 1;
    for (std::size_t sent = 0; totals_.error.empty() && comparer.responses_done() < messages;) {
      for (; sent < messages && sent < comparer.responses_done() + ahead; sent++) {
        const Message& request = plan.requests.messages[sent];
        if (!send_all(fd.get(),
                      std::string_view(plan.requests.bytes).substr(request.begin, request.end - request.begin)))
          totals_.error = fmt::format("request {} cannot be sent: {}", sent, std::strerror(errno));
      }
      // Every second one waits for delayed acknowledgements where the server sends in pieces, 40 ms for a response.
      if ((k - options_.first_connection) % 2 == 0) set_option(fd.get(), IPPROTO_TCP, TCP_QUICKACK, 1);
      receive(fd.get(), random, comparer);
    }
    if (totals_.error.empty() && !comparer.finished()) totals_.error = "more bytes than were sent";
    totals_.tally.bytes += comparer.tally().bytes;
    totals_.tally.responses += comparer.tally().responses;
    if (k == options_.first_connection) return;
    totals_.tally.eligible += comparer.tally().eligible;
    totals_.tally.named += comparer.tally().named;
  }

  void receive(int fd, Random& random, AnswerComparer& comparer) {
    const std::size_t size = options_.slow_reader ? 1 + random.below(30'000) : buffer_.size();
    if (options_.slow_reader && random.one_in(16)) usleep(1000);
    if (!wait_for(fd, POLLIN, static_cast<int>(options_.timeout_s) * 1000))
      totals_.error =
          fmt::format("nothing comes: {} responses of this connection are complete", comparer.responses_done());
    const ssize_t n = totals_.error.empty() ? recv(fd, buffer_.data(), size, 0) : 0;
    if (n <= 0 && totals_.error.empty())
      totals_.error = fmt::format("receive: {}", n < 0 ? std::strerror(errno) : "closed early");
    else if (n > 0 && !comparer.feed(std::string_view(buffer_).substr(0, static_cast<std::size_t>(n))))
      totals_.error = comparer.fault();
  }

  const RunOptions& options_;
  const std::uint16_t port_;
  std::string buffer_;
  Totals totals_;
};

int run(const RunOptions& options) {
  const Listener listener = listen_on_loopback(options.ipv6);
  if (options.slow_reader) set_option(listener.fd.get(), IPPROTO_TCP, TCP_MAXSEG, 1448);
  const pid_t server = must(fork(), "fork");
  if (server == 0) serve(options, listener.fd.get());
  std::cout << "ready " << server << std::endl;
  std::string line;
  std::getline(std::cin, line);
  const Totals totals = Client(options, listener.port).run();
  std::cout << nlohmann::json{{"mix", options.mix_text},
                              {"connections", totals.connections},
                              {"bytes", totals.tally.bytes},
                              {"responses", totals.tally.responses},
                              {"eligible", totals.tally.eligible},
                              {"named", totals.tally.named},
                              {"error", totals.error}}
                   .dump()
            << std::endl;
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  if (totals.error.empty()) return 0;
  fmt::print(stderr, "reproduce: answering --seed {} --mix {} --first-connection {} --bytes 1\n", options.seed,
             options.mix_text, totals.last);
  return 1;
}

}  // namespace
}  // namespace weft::test

int main(int argc, char** argv) {
  using namespace weft::test;
  RunOptions options;
  std::string mix = "plain";
  CLI::App app{"HTTP/1.1 responses of every shape over loopback, compared byte by byte"};
  app.add_option("--seed", options.seed);
  app.add_option("--bytes", options.bytes, "stop starting connections after so many received bytes");
  app.add_option("--mix", mix, "how to send, comma separated");
  app.add_option("--first-connection", options.first_connection);
  app.add_option("--timeout", options.timeout_s, "seconds without a byte");
  app.add_flag("--stop-on-input", options.stop_on_input, "a line on stdin ends the run at the next connection");
  CLI11_PARSE(app, argc, argv);
  options.answers = Answers::one_by_one;
  options.connection_requests = 100;
  if (const auto parsed = parse_mix(mix, options); !parsed) {
    std::cerr << parsed.error() << '\n';
    return 2;
  }
  options.send.flush_ends = true;
  signal(SIGPIPE, SIG_IGN);
  return run(options);
}
