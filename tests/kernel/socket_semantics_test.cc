// SPDX-License-Identifier: Apache-2.0
// A traced client's sockets behave as plain ones: each conversation is held twice, once with a traced client and once
// without, and what both ends saw must be the same. What kernels do in another way on every member socket whatever the
// programs do (FIONREAD, Script::kernel_limit) is printed, not asserted.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "kernel/semantics/side.h"
#include "support/traffic/agent.h"
#include "support/traffic/process.h"

namespace weft::test {
namespace {

constexpr char kSeparator = '\x1e';

std::string play_client(const std::vector<Script>& scripts, int channel, std::uint16_t port) {
  std::string logs;
  for (const Script& script : scripts) {
    Side side(channel, port, -1);
    script.client(side);
    side.meet();
    logs += side.log + kSeparator;
  }
  return logs;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0, end; (end = text.find(kSeparator, at)) != std::string::npos; at = end + 1)
    parts.push_back(text.substr(at, end - at));
  return parts;
}

struct Transcript {
  std::vector<std::string> client, server;
};

Transcript play(const std::vector<Script>& scripts, bool traced) {
  int ends[2];
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  Fd here(ends[0]), there(ends[1]);
  const Listener listener = listen_on_loopback();
  // With loopback's own segment size a small receive buffer waits for probe timers.
  set_option(listener.fd.get(), IPPROTO_TCP, TCP_MAXSEG, 1448);
  ForkedChild client([&] {
    here.reset();
    return play_client(scripts, there.get(), listener.port);
  });
  there.reset();
  std::unique_ptr<TestAgent> agent;
  if (traced) {
    auto started = TestAgent::start();
    REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().message));
    agent = std::move(*started);
    const auto tracing = agent->trace(client.pid());
    REQUIRE_MESSAGE(tracing.has_value(), (tracing ? "" : tracing.error().message));
  }
  client.go();
  Transcript transcript;
  for (const Script& script : scripts) {
    Side side(here.get(), listener.port, listener.fd.get());
    script.server(side);
    side.meet();  // nothing is closed before both ends have seen what they look at
    side.fd.reset();
    transcript.server.push_back(side.log);
  }
  transcript.client = split(client.result());
  if (agent && agent->real()) CHECK(agent->counters().injections[{"http", "done"}] > 0);
  return transcript;
}

void compare(const std::vector<Script>& scripts, const Transcript& plain, const Transcript& traced) {
  REQUIRE(plain.client.size() == scripts.size());
  REQUIRE(traced.client.size() == scripts.size());
  for (std::size_t i = 0; i < scripts.size(); i++) {
    INFO(std::string(scripts[i].name));
    CHECK(!(plain.client[i] + plain.server[i]).empty());
    if (scripts[i].kernel_limit) {
      MESSAGE("plain:\n" << plain.client[i] << plain.server[i] << "traced:\n" << traced.client[i] << traced.server[i]);
      continue;
    }
    CHECK(traced.client[i] == plain.client[i]);
    CHECK(traced.server[i] == plain.server[i]);
  }
}

// All of them plain before anything is loaded.
TEST_CASE("receiving, sending and ends are as on a plain socket") {
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::vector<Script>> all{receiving_scripts(), sending_scripts(), ending_scripts()};
  std::vector<Transcript> plain;
  for (const auto& scripts : all) plain.push_back(play(scripts, false));
  for (std::size_t i = 0; i < all.size(); i++) compare(all[i], plain[i], play(all[i], true));
}

}  // namespace
}  // namespace weft::test
