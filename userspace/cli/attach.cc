// SPDX-License-Identifier: Apache-2.0
// weft attach PID, weft detach PID.
#include <fmt/format.h>

#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/format.h"
#include "cli/terminal.h"

namespace weft::cli {

void add_attach_detach(CLI::App& app, Context& context) {
  for (const std::string action : {"attach", "detach"}) {
    const bool attach = action == "attach";
    auto& command = add_query(
        app, context, action,
        attach ? "trace a running process, until the agent ends" : "stop tracing a process, until the agent ends",
        fmt::format("weft {} 1234", action));
    auto pid = std::make_shared<int>();
    command.add_option("pid", *pid, "process id")->required()->check(CLI::Range(1, 1 << 22))->type_name("PID");
    command.callback([&context, pid, action, attach] {
      const auto body = post(context, fmt::format("/v1/processes/{}/{}", *pid, action));
      if (!body) return;
      const Json answer = Json::parse(*body, nullptr, false);
      print(context.format == Format::table
                ? fmt::format("{} is {}\n", *pid, attach ? "traced now" : "not traced any more")
                : machine_text(answer, context.format));
    });
  }
}

}  // namespace weft::cli
