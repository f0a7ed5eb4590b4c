// SPDX-License-Identifier: Apache-2.0
#include "discover/service_name.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/utf8.h"
#include "discover/language.h"

namespace weft {
namespace {

// How an interpreter's command line leads to the program. Letters may stand together (`-Im`) and carry their value
// with them (`-Wignore`); words stand alone and take the next argument.
struct Grammar {
  std::string_view code_letters;    // program text follows: there is no script
  std::string_view module_letters;  // what follows is a name, kept as it is
  std::string_view script_letters;  // what follows is the script
  std::string_view value_letters;   // what follows is something else
  std::array<std::string_view, 4> code_words{};
  std::array<std::string_view, 4> module_words{};
  std::array<std::string_view, 2> script_words{};
  std::array<std::string_view, 12> value_words{};
};

constexpr Grammar kPython{"c", "m", "", "WXQ", {}, {}, {}, {"--check-hash-based-pycs"}};
constexpr Grammar kPerl{"eE", "", "", "I", {}, {}, {}, {}};
constexpr Grammar kRuby{"e", "", "S", "IrCEW", {}, {}, {}, {"--encoding", "--external-encoding"}};
constexpr Grammar kPhp{"rBRE", "", "fF", "dczSt", {"--run"}, {}, {"--file"}, {"--define", "--php-ini", "--server"}};
constexpr Grammar kShell{"c", "", "", "oO", {}, {}, {}, {"--rcfile", "--init-file"}};
constexpr Grammar kNode{"",
                        "",
                        "",
                        "",
                        {"-e", "--eval", "-p", "--print"},
                        {},
                        {},
                        {"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions",
                         "--env-file", "--title", "--max-old-space-size"}};
constexpr Grammar kJava{"",
                        "",
                        "",
                        "",
                        {},
                        {"-m", "--module"},
                        {"-jar"},
                        {"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules", "--add-opens",
                         "--add-exports", "--add-reads", "--patch-module", "--upgrade-module-path"}};
constexpr Grammar kDotnet{"", "", "", "",
                          {}, {}, {}, {"--fx-version", "--depsfile", "--runtimeconfig", "--additionalprobingpath"}};

constexpr std::array<std::string_view, 5> kShells{"sh", "bash", "dash", "ksh", "zsh"};
constexpr std::array<std::string_view, 17> kSuffixes{".py",  ".pyc", ".pyz", ".js",   ".mjs", ".cjs",
                                                     ".ts",  ".jar", ".war", ".java", ".pl",  ".rb",
                                                     ".php", ".dll", ".sh",  ".psgi", ".cgi"};

const Grammar* grammar_of(std::string_view executable) {
  switch (language_of_name(executable)) {
    case Language::python:
      return &kPython;
    case Language::perl:
      return &kPerl;
    case Language::ruby:
      return &kRuby;
    case Language::php:
      return &kPhp;
    case Language::node:
      return &kNode;
    case Language::java:
      return &kJava;
    case Language::dotnet:
      return &kDotnet;
    default:
      return std::find(kShells.begin(), kShells.end(), base_name(executable)) == kShells.end() ? nullptr : &kShell;
  }
}

template <class Words>
bool has(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}
bool has(std::string_view letters, char letter) { return letters.find(letter) != letters.npos; }

struct Program {
  enum class Kind { none, script, module } kind = Kind::none;
  std::string_view text;
};

using Args = std::vector<std::string>;

Program take(Program::Kind kind, const Args& args, std::size_t at) {
  if (at >= args.size()) return {};
  return {kind, args[at]};
}

// One argument that begins with a dash. Nothing: go on at `next`.
std::optional<Program> take_option(const Grammar& grammar, const Args& args, std::size_t at, std::size_t& next) {
  const std::string_view arg = args[at];
  next = at + 1;
  if (has(grammar.code_words, arg)) return Program{};
  if (has(grammar.module_words, arg)) return take(Program::Kind::module, args, at + 1);
  if (has(grammar.script_words, arg)) return take(Program::Kind::script, args, at + 1);
  if (has(grammar.value_words, arg)) {
    next = at + 2;
    return std::nullopt;
  }
  if (arg.starts_with("--")) return std::nullopt;
  for (std::size_t i = 1; i < arg.size(); ++i) {
    const std::string_view attached = arg.substr(i + 1);
    const char letter = arg[i];
    if (has(grammar.code_letters, letter)) return Program{};
    if (has(grammar.module_letters, letter) || has(grammar.script_letters, letter)) {
      const auto kind = has(grammar.module_letters, letter) ? Program::Kind::module : Program::Kind::script;
      return attached.empty() ? take(kind, args, at + 1) : Program{kind, attached};
    }
    if (has(grammar.value_letters, letter)) {
      if (attached.empty()) next = at + 2;
      return std::nullopt;
    }
  }
  return std::nullopt;
}

Program find_program(const Grammar& grammar, const Args& args) {
  std::size_t at = 1;
  while (at < args.size()) {
    const std::string_view arg = args[at];
    if (arg == "-") return {};  // the program comes by standard input
    if (arg == "--") return take(Program::Kind::script, args, at + 1);
    if (&grammar == &kDotnet && arg == "exec") {
      ++at;
      continue;
    }
    if (!arg.starts_with('-') && !(&grammar == &kShell && arg.starts_with('+'))) return {Program::Kind::script, arg};
    std::size_t next = at + 1;
    if (const auto program = take_option(grammar, args, at, next)) return *program;
    at = next;
  }
  return {};
}

std::string_view without_suffix(std::string_view name) {
  for (const std::string_view suffix : kSuffixes) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  return name;
}

std::string_view script_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::string_view name = without_suffix(base_name(path));
  if (name != "__main__" || path.find('/') == path.npos) return name;
  return base_name(path.substr(0, path.rfind('/')));  // a package is named by its folder
}

// A program that rewrote its title: "gunicorn: worker [app]", "puma 6.0 (tcp://…)", "orders".
std::string_view title_name(const Args& args) {
  if (args.empty() || !descriptor_number(args[0]).empty()) return {};
  std::string_view title = args[0];
  if (args.size() > 1 && title.find(' ') == title.npos) return {};
  title = title.substr(0, title.find(' '));
  if (title.ends_with(':')) title.remove_suffix(1);
  if (title.starts_with('-')) title.remove_prefix(1);  // a login shell
  title = base_name(title);
  return grammar_of(title) == nullptr ? title : std::string_view{};
}

std::string_view without_version(std::string_view name) {
  while (name.size() > 1 && ((name.back() >= '0' && name.back() <= '9') || name.back() == '.')) name.remove_suffix(1);
  return name;
}

// The last part of a program file's path; a file without a place of its own is /memfd:NAME.
std::string_view file_name(std::string_view path) {
  constexpr std::string_view kMemory = "/memfd:";
  return base_name(path.starts_with(kMemory) ? path.substr(kMemory.size()) : path);
}

std::string_view find_name(const ProcessInfo& process) {
  const std::string_view executable = file_name(process.executable);
  const Grammar* grammar = grammar_of(executable);
  if (grammar == nullptr) return executable;
  if (const std::string_view title = title_name(process.args); !title.empty()) return title;
  const Program program = find_program(*grammar, process.args);
  if (program.kind == Program::Kind::module) return program.text;
  // A main class is written like a path of packages: kept whole.
  const bool by_descriptor = !descriptor_number(program.text).empty();
  if (program.kind == Program::Kind::script && !by_descriptor) return script_name(program.text);
  if (by_descriptor && !process.descriptor_file.empty()) return without_suffix(file_name(process.descriptor_file));
  return without_version(executable);
}

}  // namespace

std::string program_name(const ProcessInfo& process) {
  std::string_view name = find_name(process);
  if (name.empty()) name = process.comm;
  if (name.empty()) return "unknown_service";
  return to_utf8_line(name.substr(0, 255));
}

}  // namespace weft
