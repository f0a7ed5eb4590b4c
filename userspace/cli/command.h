// SPDX-License-Identifier: Apache-2.0
// What the commands of `weft` share: options that stand on every level, exit codes, and their list.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace weft::cli {

enum ExitCode : int { kOk = 0, kNo = 1, kUsage = 2, kUnreachable = 3 };
enum class Format { table, json, yaml };

struct Context {
  std::string socket;
  Format format = Format::table;
  int exit_code = kOk;  // what the command's callback leaves
};

// -o and --socket stand before or after the command's name.
void add_format_option(CLI::App& app, Context& context);
void add_socket_option(CLI::App& app, Context& context);

// A subcommand with an example under its help.
CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& what, const std::string& example);
// … with both of these options.
CLI::App& add_query(CLI::App& parent, Context& context, const std::string& name, const std::string& what,
                    const std::string& example);

// One line each; the callback of a command sets context.exit_code.
void add_status(CLI::App& app, Context& context);
void add_ps(CLI::App& app, Context& context);
void add_spans(CLI::App& app, Context& context);
void add_traces(CLI::App& app, Context& context);
void add_trace(CLI::App& app, Context& context);
void add_top(CLI::App& app, Context& context);
void add_attach_detach(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_record(CLI::App& app, Context& context);
void add_replay(CLI::App& app, Context& context);
void add_completion(CLI::App& app, Context& context);
void add_policy(CLI::App& app, Context& context);
void add_sampling(CLI::App& app, Context& context);

// "weft: message" on stderr; returns `code`.
int complain(std::string_view message, int code);

}  // namespace weft::cli
