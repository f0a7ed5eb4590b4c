// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <fmt/format.h>

#include <map>

#include "control/config.h"
#include "exporter/console/cells.h"

namespace weft::cli {

void add_format_option(CLI::App& app, Context& context) {
  static const std::map<std::string, Format> formats = {
      {"table", Format::table}, {"json", Format::json}, {"yaml", Format::yaml}};
  app.add_option_function<std::string>(
         "-o,--output", [&context](const std::string& name) { context.format = formats.at(name); },
         "table, json or yaml")
      ->check([](const std::string& name) {
        return formats.contains(name) ? std::string() : "'" + name + "' is not one of table, json, yaml";
      })
      ->type_name("FORMAT");
}

void add_socket_option(CLI::App& app, Context& context) {
  app.add_option("--socket", context.socket,
                 fmt::format("control socket of the agent [$WEFT_CONTROL_SOCKET or {}]", kDefaultSocket))
      ->type_name("PATH");
}

CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& what, const std::string& example) {
  CLI::App& command = *parent.add_subcommand(name, what);
  command.footer("Example:\n  " + example);
  return command;
}

CLI::App& add_query(CLI::App& parent, Context& context, const std::string& name, const std::string& what,
                    const std::string& example) {
  CLI::App& command = add_command(parent, name, what, example);
  add_format_option(command, context);
  add_socket_option(command, context);
  return command;
}

int complain(std::string_view message, int code) {
  fmt::print(stderr, "weft: {}\n", printable(message));
  return code;
}

}  // namespace weft::cli
