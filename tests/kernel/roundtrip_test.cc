// SPDX-License-Identifier: Apache-2.0
// Live sockets under the kernel programs: whatever way a traced client sends, the peer gets its bytes plus whole
// headers. WEFT_ROUNDTRIP_BYTES = bytes of all mixes together (default 48 MB); WEFT_ROUNDTRIP_SEED = first seed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/slowness.h"
#include "support/traffic/agent.h"
#include "support/traffic/process.h"

namespace weft::test {
namespace {

using nlohmann::json;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Mix {
  const char* words;
  double least = 0;         // share of the eligible requests that must be injected in the whole run
  bool early = false;       // attached while a connection is open and idle
  bool overwrites = false;  // some contexts that are forwarded must be written over

  // Where nobody answers, how soon the peer reads decides how often the buffer fills: in an emulated machine some are
  // injected.
  double least_when_slow() const { return std::string_view(words).contains("answers") ? least : least > 0 ? 1e-9 : 0; }

  // A position that is lost ends the changes to a connection, so what goes wrong when a buffer fills up in mid-message
  // needs many connections to show.
  std::uint64_t bytes() const {
    return std::string_view(words).contains("short") ? (slowness() > 1 ? 1u : 3u) << 20 : 1;
  }
};

// Small send buffers, blank lines sent in two calls and zero-copy sockets are passed untouched: least is 0 there.
constexpr Mix kMixes[] = {
    {"plain", 0.95},
    {"whole", 0.95},
    {"batch", 0.5},
    {"bytes"},
    {"big-heads", 0.9},
    {"big-heads,batch", 0.5},
    // Nobody answers here, so a blocking sender that has filled its buffer is let go and does not come back.
    {"big-bodies,batch", 0.2},
    {"tiny,nonblocking,slow"},
    {"tiny,nonblocking,slow,batch"},
    {"tiny,slow,big-heads"},
    {"tiny,nonblocking,slow,medium,short", 0.3},
    {"tiny,nonblocking,medium,short,splice,sendfile", 0.3},
    {"pipelined,tiny,nonblocking,medium,short", 0.3},
    {"serve,tiny,nonblocking,slow,medium,short", 0.3},
    {"sendfile", 0.95},
    {"splice", 0.95},
    {"sendfile,splice,batch,nonblocking", 0.5},
    {"zerocopy"},
    {"zerocopy,batch,slow"},
    {"zerocopy-late"},
    {"answers", 0.95},
    {"answers,reads", 0.5},
    {"pipelined,reads", 0.5},
    {"pipelined,batch,nonblocking,tiny"},
    {"answers,ipv6,whole", 0.95},
    {"answers,serve", 0.95, false, true},
    {"serve,batch", 0.5},
    {"serve,tiny,nonblocking,slow,splice"},
    {"pipelined,serve,reads,sendfile", 0.5},
    {"answers,plain-calls", 0, true},
    {"answers,plain-calls,whole,reads", 0, true},
    {"tiny,nonblocking,slow,sendfile,splice,zerocopy,batch,big-heads"},
    {"http2", 0.3},
    {"http2,whole", 0.9},
    {"http2,batch", 0.5},
    {"http2,bytes", 0.3},
    {"http2,big-heads,big-bodies,batch", 0.3},
    {"http2,tiny,nonblocking,slow,medium"},
    {"http2,tiny,nonblocking,slow,splice,sendfile,zerocopy,batch"},
    {"http2,serve,whole", 0, false, true},
    {"http2,serve,batch", 0, false, true},
};

struct Sums {
  std::uint64_t bytes = 0, eligible = 0, injected = 0, known = 0, overwritten = 0, extra_notices = 0;

  void add(const json& result) {
    bytes += result["bytes"].get<std::uint64_t>();
    eligible += result["eligible"].get<std::uint64_t>();
    injected += result["injected"].get<std::uint64_t>();
    known += result["known"].get<std::uint64_t>();
    overwritten += result["overwritten"].get<std::uint64_t>();
    extra_notices += result["extra_notices"].get<std::uint64_t>();
  }
  double share() const { return eligible ? static_cast<double>(injected) / static_cast<double>(eligible) : 0; }
  void print(const std::string& name) const {
    fmt::print("{:64} {:6.2f} % of {:6} injected, {:5} of {:5} overwritten{}\n", name, 100 * share(), eligible,
               overwritten, known, extra_notices ? fmt::format(", {} zero-copy notices too many", extra_notices) : "");
  }
};

json run(TestAgent& agent, const Mix& mix, std::uint64_t seed) {
  std::vector<std::string> command{beside_me("roundtrip"),      "--wait", "--seed", std::to_string(seed), "--bytes",
                                   std::to_string(mix.bytes()), "--mix",  mix.words};
  if (mix.early) command.push_back("--early");
  ChildProgram client(command);
  const auto ready = client.read_line();
  REQUIRE(ready);
  const auto traced = agent.trace(client.pid());
  REQUIRE_MESSAGE(traced.has_value(), (traced ? "" : traced.error().message));
  client.write_line("go");
  const auto line = client.read_line();
  const int code = client.wait();
  agent.untrace(client.pid());
  INFO("roundtrip --seed " << seed << " --mix " << std::string(mix.words) << std::string(mix.early ? " --early" : ""));
  CHECK(code == 0);
  REQUIRE(line);
  return json::parse(*line);
}

void check_result(const json& result) {
  INFO(result.dump());
  for (const char* fault : {"differing", "duplicates", "malformed", "own_touched", "wrong_trace"})
    CHECK(result[fault] == 0);
  CHECK(result["error"] == "");
  CHECK(result["requests"] > 0);
  if (without_agent()) CHECK(result["injected"] == 0);
}

std::unique_ptr<TestAgent> started_agent() {
  auto agent = TestAgent::start();
  REQUIRE_MESSAGE(agent.has_value(), (agent ? "" : agent.error().message));
  return std::move(*agent);
}

TEST_CASE("the peer receives what was sent plus whole headers") {
  const std::uint64_t total = number_from("WEFT_ROUNDTRIP_BYTES", 48u << 20);
  std::uint64_t seed = number_from("WEFT_ROUNDTRIP_SEED", 1);
  const auto agent = started_agent();
  std::vector<Sums> sums(std::size(kMixes));
  Sums all;
  while (all.bytes < total) {
    for (std::size_t i = 0; i < std::size(kMixes); i++) {
      const json result = run(*agent, kMixes[i], seed++);
      check_result(result);
      sums[i].add(result);
      all.add(result);
    }
  }
  for (std::size_t i = 0; i < std::size(kMixes); i++) {
    const std::string name = fmt::format("{}{}", kMixes[i].words, kMixes[i].early ? " (early)" : "");
    INFO(name);
    sums[i].print(name);
    if (!without_agent()) CHECK(sums[i].share() >= (slowness() > 1 ? kMixes[i].least_when_slow() : kMixes[i].least));
    if (!without_agent() && kMixes[i].overwrites) CHECK(sums[i].overwritten > 0);
  }
  all.print(fmt::format("all, {} MB", all.bytes >> 20));
  fmt::print("{}\n", agent->summary());
}

// Whether an attempt succeeds depends on the moment: the connection must be idle when the agent comes to enrol it.
TEST_CASE("a connection that was open before joins after a whole exchange") {
  const auto agent = started_agent();
  Sums sums;
  for (std::uint64_t seed = 1; seed <= 10 && sums.injected == 0; seed++) {
    const json result = run(*agent, {"answers,plain-calls", 0, true}, seed);
    check_result(result);
    sums.add(result);
  }
  if (!without_agent()) CHECK(sums.injected > 0);
}

// When a non-blocking member fills up in the middle of a sendmmsg call, the kernel goes on with the next message behind
// a short one, and the stream has a hole: a defect of membership itself that no program can heal in that very call.
TEST_CASE("known limit: sendmmsg on a non-blocking member that fills up" * doctest::may_fail()) {
  const auto agent = started_agent();
  for (std::uint64_t seed = 1; seed <= 4; seed++)
    check_result(run(*agent, {"tiny,nonblocking,slow,medium,short,member-limit"}, seed));
}

// The client runs all the time; an agent of its own traces it, dies in the middle, and another one comes.
TEST_CASE("kill -9 of the agent and restarts in mid-traffic are seen by neither side") {
  unload_shared_kernel();
  const int restarts = slowness() > 1 ? 1 : 10;  // each loads the programs
  for (const char* mix : {"pipelined,tiny,nonblocking,slow,sendfile", "answers,reads"}) {
    INFO(std::string(mix));
    // Short connections, so that each agent sees some from their start; the client goes on until it is told to stop.
    ChildProgram client({beside_me("roundtrip"), "--wait", "--seed", "7", "--bytes", "400000000000",
                         "--connection-bytes", "100000", "--mix", mix, "--stop-on-input"});
    REQUIRE(client.read_line());
    client.write_line("go");
    for (int i = 0; i < restarts; i++) {
      ChildProgram holder({beside_me("kernel_holder"), std::to_string(client.pid())});
      REQUIRE(holder.read_line() == "tracing");
      // How much traffic an agent sees before it dies varies on purpose: 4 to 40 ms of it.
      std::this_thread::sleep_for(std::chrono::milliseconds(40 - i * 40 / restarts) * slowness());
      holder.kill_hard();
      CHECK(holder.wait() == 128 + 9);
    }
    client.write_line("stop");
    const auto line = client.read_line();
    CHECK(client.wait() == 0);
    REQUIRE(line);
    const json result = json::parse(*line);
    INFO(result.dump());
    for (const char* fault : {"differing", "duplicates", "malformed", "own_touched"}) CHECK(result[fault] == 0);
    CHECK(result["error"] == "");
    if (!without_agent()) CHECK(result["injected"] > 0);
    fmt::print("kill -9, {}: {} MB, injected {} of {} eligible\n", mix, result["bytes"].get<std::uint64_t>() >> 20,
               result["injected"].get<int>(), result["eligible"].get<int>());
  }
}

}  // namespace
}  // namespace weft::test
