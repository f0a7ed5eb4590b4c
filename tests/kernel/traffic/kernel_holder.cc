// SPDX-License-Identifier: Apache-2.0
// kernel_holder [answers] PID…: the kernel side of an agent and nothing else. Traces the processes, drains what they
// report, and says "tracing" when it does; with "answers", responses get their headers. Ends at a line on stdin, or by
// kill -9, which must leave nothing behind.
#include <fmt/format.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "support/traffic/agent.h"

int main(int argc, char** argv) {
  using namespace weft::test;
  weft::KernelOptions options;
  const int first = argc > 1 && std::string_view(argv[1]) == "answers" ? 2 : 1;
  if (first == 2) options.answer_headers = {.x_trace_id = true, .traceresponse = true};
  auto agent = TestAgent::start(options);
  if (!agent) {
    std::cerr << agent.error().message << '\n';
    return 3;
  }
  for (int i = first; i < argc; i++) {
    if (const auto traced = (*agent)->trace(std::atoi(argv[i])); !traced) {
      std::cerr << argv[i] << ": " << traced.error().message << '\n';
      return 1;
    }
  }
  std::cout << "tracing" << std::endl;
  std::string line;
  std::getline(std::cin, line);
  std::cout << (*agent)->summary() << std::endl;
  return 0;
}
