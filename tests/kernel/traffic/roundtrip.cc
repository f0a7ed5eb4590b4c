// SPDX-License-Identifier: Apache-2.0
// An ordinary HTTP/1.1 client as the tests trace it, and beside it a receiver process that compares each byte with what
// was sent. Everything follows from --seed. Prints one JSON line; exit code 1 on any difference, with a line that
// repeats the connection that showed it.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "kernel/traffic/plan.h"
#include "kernel/traffic/receiver.h"
#include "kernel/traffic/stuck.h"
#include "support/traffic/reader.h"

namespace weft::test {
namespace {

struct Totals {
  Tally tally;
  std::uint64_t connections = 0, send_calls = 0, zerocopy_sends = 0, notices = 0, extra_notices = 0;
  std::string error;  // first one; ends the run
  std::uint64_t error_connection = 0;
};

class Client {
 public:
  explicit Client(const RunOptions& options)
      : options_(options),
        incoming_(listen_on_loopback()),
        receiver_(options, listen_on_loopback(options.ipv6), incoming_.port) {}

  Totals run() {
    if (options_.wait && !options_.early) wait_for_go();
    const std::uint64_t last = options_.first_connection + options_.connections;
    for (std::uint64_t k = options_.first_connection; k < last && totals_.tally.bytes < options_.bytes && !stop_asked();
         k++) {
      alive(options_.timeout_s, -1);
      run_connection(k);
      totals_.connections++;
      if (!totals_.error.empty()) {
        totals_.error_connection = k;
        break;
      }
    }
    return totals_;
  }

 private:
  void wait_for_go() {
    std::cout << "ready " << getpid() << std::endl;
    std::string line;
    std::getline(std::cin, line);
  }

  bool stop_asked() const {
    return options_.stop_on_input && totals_.connections > 0 && wait_for(STDIN_FILENO, POLLIN, 0);
  }

  void run_connection(std::uint64_t k) {
    const Plan plan = make_plan(options_, k);
    const std::string kept = plan.requests.bytes;
    receiver_.expect(k);
    Fd caller;
    if (options_.serve) {
      caller = accept_from(incoming_.fd.get());
      if (read_head(caller.get()).empty()) return note("incoming request did not come");
    }
    Fd fd = connect_to(receiver_.port(), options_.ipv6, plan.send_buffer_bytes, options_.send.zerocopy);
    alive(options_.timeout_s, fd.get());
    if (options_.nonblocking) set_nonblocking(fd.get(), true);
    Random send_random(options_.seed, k * 4 + 2), read_random(options_.seed, k * 4 + 3);
    Sender sender(fd.get(), send_random, options_.send, plan.requests);
    Reader reader(fd.get(), read_random, plan.responses, options_.varied_reads);
    talk(k, plan, sender, reader);
    if (totals_.error.empty() && !sender.collect_notices()) note(sender.error());
    shutdown(fd.get(), SHUT_WR);
    if (!totals_.error.empty()) fd.reset();  // the receiver must not wait for a sender that gave up
    finish(plan, kept, sender);
    if (caller) send_all(caller.get(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }

  void talk(std::uint64_t k, const Plan& plan, Sender& sender, Reader& reader) {
    const std::size_t messages = plan.requests.messages.size();
    std::size_t first = 0;
    const auto exchange = [&](std::size_t i) {
      if (!sender.send_until(plan.requests.messages[i].end)) return note(sender.error());
      if (!reader.read_until(plan.responses.messages[i].end)) note(reader.error());
    };
    if (options_.early && options_.wait && k == options_.first_connection) {
      for (; first < std::min<std::size_t>(2, messages) && totals_.error.empty(); first++) exchange(first);
      wait_for_go();
    }
    if (options_.answers == Answers::one_by_one) {
      for (std::size_t i = first; i < messages && totals_.error.empty(); i++) exchange(i);
      return;
    }
    std::thread reading;
    bool read_well = true;
    if (options_.answers == Answers::pipelined)
      reading = std::thread([&] { read_well = reader.read_until(plan.responses.bytes.size()); });
    const bool sent_well = sender.send_until(plan.requests.bytes.size());
    if (!sent_well) note(sender.error());
    if (reading.joinable()) reading.join();
    if (!read_well) note(reader.error());
  }

  void finish(const Plan& plan, const std::string& kept, const Sender& sender) {
    const Verdict verdict = receiver_.verdict();
    totals_.tally.add(verdict.tally);
    totals_.send_calls += sender.calls();
    totals_.zerocopy_sends += sender.zerocopy_sends();
    totals_.notices += sender.notices();
    totals_.extra_notices += sender.extra_notices();
    // What the receiver saw explains an error of the sender, so it goes first.
    if (!verdict.fault.empty())
      totals_.error = "receiver: " + verdict.fault + (totals_.error.empty() ? "" : "; " + totals_.error);
    if (verdict.tally.faults() > 0) note("the receiver counted faults");
    if (plan.requests.bytes != kept) note("the application's buffer was changed");
    if (!sender.file_unchanged()) note("the application's file was changed");
  }

  void note(const std::string& error) {
    if (totals_.error.empty()) totals_.error = error;
  }

  const RunOptions& options_;
  Listener incoming_;
  ReceiverProcess receiver_;
  Totals totals_;
};

nlohmann::json to_json(const RunOptions& options, const Totals& totals) {
  const Tally& t = totals.tally;
  return {{"seed", options.seed},
          {"mix", options.mix_text},
          {"connections", totals.connections},
          {"bytes", t.bytes},
          {"requests", t.requests},
          {"eligible", t.eligible},
          {"injected", t.injected},
          {"known", t.known},
          {"overwritten", t.overwritten},
          {"tracestate_added", t.tracestate_added},
          {"baggage_added", t.baggage_added},
          {"own_touched", t.own_touched},
          {"duplicates", t.duplicates},
          {"malformed", t.malformed},
          {"wrong_trace", t.wrong_trace},
          {"differing", t.differing},
          {"send_calls", totals.send_calls},
          {"zerocopy_sends", totals.zerocopy_sends},
          {"notices", totals.notices},
          {"extra_notices", totals.extra_notices},
          {"error", totals.error}};
}

std::string reproduction(const RunOptions& options, std::uint64_t connection) {
  return fmt::format(
      "reproduce: roundtrip --seed {} --mix {} --first-connection {} --connections 1 --connection-bytes {}{}\n",
      options.seed, options.mix_text, connection, options.connection_bytes, options.early ? " --early" : "");
}

}  // namespace
}  // namespace weft::test

int main(int argc, char** argv) {
  using namespace weft::test;
  RunOptions options;
  std::string mix = "plain";
  std::uint64_t connection_bytes = 0;
  CLI::App app{"HTTP/1.1 traffic of every shape over loopback, compared byte by byte"};
  app.add_option("--seed", options.seed);
  app.add_option("--bytes", options.bytes, "stop starting connections after so many received bytes");
  app.add_option("--mix", mix, "how to send, comma separated");
  app.add_option("--first-connection", options.first_connection);
  app.add_option("--connections", options.connections);
  app.add_option("--connection-bytes", connection_bytes, "about so many in one connection");
  app.add_option("--timeout", options.timeout_s, "seconds that one connection may take");
  app.add_flag("--wait", options.wait, "print 'ready PID' and wait for a line on stdin");
  app.add_flag("--early", options.early, "… with a connection open and two exchanges done");
  app.add_flag("--stop-on-input", options.stop_on_input, "a line on stdin ends the run at the next connection");
  CLI11_PARSE(app, argc, argv);
  if (const auto parsed = parse_mix(mix, options); !parsed) {
    std::cerr << parsed.error() << '\n';
    return 2;
  }
  if (connection_bytes) options.connection_bytes = connection_bytes;
  signal(SIGPIPE, SIG_IGN);
  watch_for_stuck(fmt::format("stuck for {} s: roundtrip --seed {} --mix {}", options.timeout_s, options.seed, mix));
  const Totals totals = Client(options).run();
  std::cout << to_json(options, totals).dump() << std::endl;
  if (totals.error.empty()) return 0;
  std::cerr << reproduction(options, totals.error_connection);
  return 1;
}
