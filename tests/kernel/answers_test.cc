// SPDX-License-Identifier: Apache-2.0
// Responses that get headers (propagation.response_header): whatever way a traced server sends, its client gets its
// bytes plus whole headers, and they name the trace of the request.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/slowness.h"
#include "support/traffic/agent.h"
#include "support/traffic/process.h"

namespace weft::test {
namespace {

using nlohmann::json;

struct Mix {
  const char* words;
  double least = 0;         // share of the responses that must be named
  bool everywhere = false;  // in emulated machines, too
};

// A head that is sent in pieces goes out as it came. A server that blocks has no members, and its receives wait.
constexpr Mix kMixes[] = {
    {"nonblocking,whole", 0.98, true},
    {"nonblocking,whole,pipelined", 0.98},
    {"nonblocking,whole,ipv6", 0.98},
    {"nonblocking,batch", 0.5, true},
    {"nonblocking", 0.3},
    {"nonblocking,reads"},
    {"nonblocking,bytes", 0, true},
    {"nonblocking,tiny,slow,whole", 0.1},
    {"nonblocking,tiny,slow,medium", 0.3, true},
    {"nonblocking,tiny,slow,batch,sendfile"},
    {"nonblocking,sendfile,splice,pipelined", 0, true},
    {"nonblocking,zerocopy,whole"},
    {"nonblocking,zerocopy-late,batch,slow", 0, true},
    {"nonblocking,pipelined,tiny,medium,short,reads", 0, true},
    {"blocking,whole"},
    {"blocking,batch,pipelined"},
    {"blocking,tiny,slow,batch"},
    {"blocking,tiny,slow,medium,short", 0, true},
    {"blocking,zerocopy-late,batch,slow"},
};

std::uint64_t bytes_each() { return slowness() > 1 ? 1 : 2'000'000; }

json finish(ChildProgram& program) {
  const auto line = program.read_line();
  const int code = program.wait();
  CHECK(code == 0);
  REQUIRE(line);
  const json result = json::parse(*line);
  INFO(result.dump());
  CHECK(result["error"] == "");
  CHECK(result["responses"] > 0);
  if (without_agent()) CHECK(result["named"] == 0);
  return result;
}

pid_t server_of(ChildProgram& program) {
  const auto ready = program.read_line();
  REQUIRE(ready);
  return std::stoi(ready->substr(std::string_view("ready ").size()));
}

KernelOptions both_headers() {
  KernelOptions options;
  options.answer_headers = {.x_trace_id = true, .traceresponse = true};
  return options;
}

TEST_CASE("the client receives what was sent plus whole headers of the request's trace") {
  auto started = TestAgent::start(both_headers());
  REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().message));
  TestAgent& agent = **started;
  std::uint64_t seed = 1;
  for (const Mix& mix : kMixes) {
    if (slowness() > 1 && !mix.everywhere) continue;
    INFO("answering --seed " << seed << " --mix " << std::string(mix.words));
    ChildProgram program({beside_me("answering"), "--seed", std::to_string(seed++), "--bytes",
                          std::to_string(bytes_each()), "--mix", mix.words});
    const pid_t server = server_of(program);
    const auto traced = agent.trace(server);
    REQUIRE_MESSAGE(traced.has_value(), (traced ? "" : traced.error().message));
    program.write_line("go");
    const json result = finish(program);
    agent.untrace(server);
    const double share = result["named"].get<double>() / result["eligible"].get<double>();
    fmt::print("{:48} {:6.2f} % of {:6} named, {} MB\n", mix.words, 100 * share, result["eligible"].get<int>(),
               result["bytes"].get<std::uint64_t>() >> 20);
    if (agent.real()) CHECK(share >= mix.least);
    if (std::string_view(mix.words).contains("nonblocking") == false) CHECK(share == 0);
  }
  if (!agent.real()) return;
  KernelCounters counters = agent.counters();
  for (const auto& [result, count] : counters.response_headers) fmt::print("{} {}\n", result, count);
  CHECK(counters.errors[{"on_message", "undo"}] == 0);
}

TEST_CASE("kill -9 of the agent and restarts in the middle of responses") {
  unload_shared_kernel();
  const int restarts = slowness() > 1 ? 1 : 4;
  for (const char* mix : {"nonblocking,whole,short", "nonblocking,tiny,slow,medium,short,pipelined"}) {
    if (slowness() > 1 && std::string_view(mix).contains("whole")) continue;  // each loads the programs
    INFO(std::string(mix));
    ChildProgram program(
        {beside_me("answering"), "--seed", "7", "--bytes", "400000000000", "--mix", mix, "--stop-on-input"});
    const pid_t server = server_of(program);
    program.write_line("go");
    for (int i = 0; i < restarts; i++) {
      ChildProgram holder({beside_me("kernel_holder"), "answers", std::to_string(server)});
      REQUIRE(holder.read_line() == "tracing");
      std::this_thread::sleep_for(std::chrono::milliseconds(240 - i * 50) * slowness());
      holder.kill_hard();
      CHECK(holder.wait() == 128 + 9);
    }
    program.write_line("stop");
    const json result = finish(program);
    if (!without_agent()) CHECK(result["named"] > 0);
    fmt::print("kill -9, {}: named {} of {}\n", mix, result["named"].get<int>(), result["responses"].get<int>());
  }
}

}  // namespace
}  // namespace weft::test
