// SPDX-License-Identifier: Apache-2.0
// Live sockets under the kernel programs: whatever way a traced client sends, the peer gets its bytes plus whole
// headers. WEFT_ROUNDTRIP_BYTES = bytes of all mixes together (default 48 MB); WEFT_ROUNDTRIP_SEED = first seed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

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
  bool early = false;         // attached while a connection is open and idle
  bool may_miss_all = false;  // zero-copy sockets are left alone, a blank line sent in two calls cannot be done, …
};

constexpr Mix kMixes[] = {
    {"plain"},
    {"whole"},
    {"batch"},
    {"bytes", false, true},
    {"big-heads"},
    {"big-heads,batch"},
    {"big-bodies,batch"},
    {"tiny,nonblocking,slow"},
    {"tiny,nonblocking,slow,batch"},
    {"tiny,slow,big-heads"},
    {"sendfile"},
    {"splice"},
    {"sendfile,splice,batch,nonblocking"},
    {"zerocopy", false, true},
    {"zerocopy,batch,slow", false, true},
    {"zerocopy-late", false, true},
    {"answers"},
    {"answers,reads"},
    {"pipelined,reads"},
    {"pipelined,batch,nonblocking,tiny"},
    {"answers,ipv6,whole"},
    {"answers,serve"},
    {"serve,batch"},
    {"serve,tiny,nonblocking,slow,splice"},
    {"pipelined,serve,reads,sendfile"},
    {"answers,plain-calls", true},
    {"answers,plain-calls,whole,reads", true, true},
    {"tiny,nonblocking,slow,sendfile,splice,zerocopy,batch,big-heads", false, true},
};

json run(TestAgent& agent, const Mix& mix, std::uint64_t seed, std::uint64_t bytes) {
  std::vector<std::string> command{beside_me("roundtrip"), "--wait", "--seed", std::to_string(seed), "--bytes",
                                   std::to_string(bytes),  "--mix",  mix.words};
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

void check_result(const TestAgent& agent, const Mix& mix, const json& result) {
  INFO(result.dump());
  for (const char* fault : {"differing", "duplicates", "malformed", "own_touched", "wrong_trace"})
    CHECK(result[fault] == 0);
  CHECK(result["error"] == "");
  CHECK(result["requests"] > 0);
  if (agent.real() && !mix.may_miss_all) CHECK(result["injected"] > 0);
  if (!agent.real()) CHECK(result["injected"] == 0);
}

TEST_CASE("the peer receives what was sent plus whole headers") {
  const std::uint64_t total = number_from("WEFT_ROUNDTRIP_BYTES", 48u << 20);
  std::uint64_t seed = number_from("WEFT_ROUNDTRIP_SEED", 1);
  auto agent = TestAgent::start();
  REQUIRE_MESSAGE(agent.has_value(), (agent ? "" : agent.error().message));
  std::uint64_t bytes = 0, eligible = 0, injected = 0;
  while (bytes < total) {
    for (const Mix& mix : kMixes) {
      const json result = run(**agent, mix, seed++, 1);
      check_result(**agent, mix, result);
      bytes += result["bytes"].get<std::uint64_t>();
      eligible += result["eligible"].get<std::uint64_t>();
      injected += result["injected"].get<std::uint64_t>();
      fmt::print("{:64} injected {:5} of {:5} eligible, overwritten {:4} of {:4}\n",
                 fmt::format("{}{}", mix.words, mix.early ? " (early)" : ""), result["injected"].get<int>(),
                 result["eligible"].get<int>(), result["overwritten"].get<int>(), result["known"].get<int>());
      std::fflush(stdout);
    }
  }
  fmt::print("{} MB, injected {} of {} eligible ({:.2f} %)\n{}\n", bytes >> 20, injected, eligible,
             eligible ? 100.0 * injected / eligible : 0.0, (*agent)->summary());
}

// The client runs all the time; an agent of its own traces it, dies in the middle, and another one comes.
TEST_CASE("kill -9 of the agent and restarts in mid-traffic are seen by neither side") {
  for (const char* mix : {"pipelined,tiny,nonblocking,slow,sendfile", "answers,reads"}) {
    INFO(std::string(mix));
    // Short connections, so that each agent sees some from their start; the client goes on until it is told to stop.
    ChildProgram client({beside_me("roundtrip"), "--wait", "--seed", "7", "--bytes", "400000000000",
                         "--connection-bytes", "100000", "--mix", mix, "--stop-on-input"});
    REQUIRE(client.read_line());
    client.write_line("go");
    for (int i = 0; i < 10; i++) {
      ChildProgram holder({beside_me("kernel_holder"), std::to_string(client.pid())});
      REQUIRE(holder.read_line() == "tracing");
      // How much traffic an agent sees before it dies varies on purpose: 1 to 40 ms of it.
      std::this_thread::sleep_for(std::chrono::milliseconds(1 + i * 4));
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
