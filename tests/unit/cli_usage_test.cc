// SPDX-License-Identifier: Apache-2.0
// Usage, help, completion, tables, doctor: what needs no agent.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "cli/doctor.h"
#include "cli/format.h"
#include "cli/terminal.h"
#include "cli/whole_records.h"
#include "kernel/recording.h"
#include "unit/cli_run.h"

using namespace weft;
using namespace weft::cli;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Names under "Subcommands:" of a help text.
std::set<std::string> commands_of(const std::vector<std::string>& path) {
  auto arguments = path;
  arguments.push_back("--help");
  const auto help = run_weft(arguments);
  CHECK(help.exit_code == 0);
  std::set<std::string> names;
  std::istringstream lines(help.out.substr(std::min(help.out.find("Subcommands:"), help.out.size())));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line) && line.starts_with("  ")) names.insert(line.substr(2, line.find(' ', 2) - 2));
  return names;
}

}  // namespace

TEST_CASE("weft: bad usage is exit code 2, said on stderr") {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"nonsense"},
                                                    {"ps", "extra"},
                                                    {"ps", "-o", "xml"},
                                                    {"ps", "--nonsense"},
                                                    {"trace"},
                                                    {"trace", "xyz"},
                                                    {"spans", "-n", "many"},
                                                    {"spans", "--kind", "boss"},
                                                    {"spans", "--trace", "xyz"},
                                                    {"spans", "-f", "--trace", "4bf92f3577b34da6a3ce929d0e0e473"},
                                                    {"traces", "--min-duration", "5"},
                                                    {"attach"},
                                                    {"record"},
                                                    {"replay"},
                                                    {"completion"},
                                                    {"completion", "tcsh"},
                                                    {"policy"},
                                                    {"policy", "check"},
                                                    {"policy", "apply"},
                                                    {"policy", "test"},
                                                    {"policy", "shadow"},
                                                    {"policy", "shadow", "f", "--for", "soon"},
                                                    {"policy", "shadow", "f", "--end"}}) {
    const auto finished = run_weft(arguments);
    CAPTURE((arguments.empty() ? "" : arguments[0]));
    CHECK(finished.exit_code == 2);
    CHECK(finished.out.empty());
    CHECK(finished.err.starts_with("weft: "));
  }
}

TEST_CASE("weft: every level has help with an example") {
  const auto top = commands_of({});
  CHECK(top == std::set<std::string>{"status", "ps", "spans", "traces", "trace", "top", "attach", "detach", "doctor",
                                     "record", "replay", "policy", "sampling", "completion"});
  std::vector<std::vector<std::string>> levels = {{}};
  for (const auto& name : top) {
    levels.push_back({name});
    for (const auto& sub : commands_of({name})) levels.push_back({name, sub});
  }
  CHECK(levels.size() > 25);
  for (auto level : levels) {
    level.push_back("--help");
    const auto help = run_weft(level);
    CAPTURE(level[0]);
    CHECK(help.exit_code == 0);
    CHECK(has(help.out, "Example:\n  "));
  }
  CHECK(run_weft({"--version"}).out.starts_with("weft "));
}

TEST_CASE("weft sampling set: a ratio, or default") {
  for (const char* wrong : {"1.5", "-1", "many", "0.5x", ""})
    CHECK(run_weft({"sampling", "set", wrong}).exit_code == 2);
  CHECK(run_weft({"sampling", "set"}).exit_code == 2);
  CHECK(run_weft({"sampling"}).exit_code == 2);
}

TEST_CASE("completion: every command and option of every command, in all three shells") {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const auto script = run_weft({"completion", shell});
    REQUIRE(script.exit_code == 0);
    for (const auto& command : commands_of({})) {
      CAPTURE(shell);
      CAPTURE(command);
      CHECK(has(script.out, command));
      const auto help = run_weft({command, "--help"});
      std::istringstream words(help.out);
      for (std::string word; words >> word;) {
        if (!word.starts_with("-") || word.find("--") == std::string::npos) continue;
        std::string name = word.substr(word.find("--") + 2);
        name = name.substr(0, name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"));
        CAPTURE(name);
        CHECK(has(script.out, shell == "fish" ? "-l " + name : "--" + name));
      }
    }
  }
}

TEST_CASE("completion: bash completes commands, options and values") {
  const std::string script = "/tmp/weft-completion-test." + std::to_string(getpid());
  std::ofstream(script) << run_weft({"completion", "bash"}).out
                        << "words=($1); COMP_WORDS=(weft \"${words[@]}\"); [[ $1 == *' ' ]] && COMP_WORDS+=('')\n"
                           "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _weft; echo \"${COMPREPLY[*]}\"\n";
  const auto complete = [&](const std::string& line) {
    FILE* pipe = popen(("bash " + script + " '" + line + "' 2>&1").c_str(), "r");
    REQUIRE(pipe);
    std::string text;
    for (int c; (c = std::fgetc(pipe)) != EOF;) text.push_back(static_cast<char>(c));
    pclose(pipe);
    return text;
  };
  CHECK(complete("sp") == "spans\n");
  CHECK(complete("tra") == "traces trace\n");
  CHECK(complete("-o json st") == "status\n");
  CHECK(complete("spans --fol") == "--follow\n");
  CHECK(complete("spans --kind s") == "server\n");
  CHECK(complete("ps -o ") == "table json yaml\n");
  CHECK(complete("completion ") == "--help bash zsh fish\n");
  std::filesystem::remove(script);
}

TEST_CASE("table: columns fit their cells; on a narrow terminal flexible ones shrink") {
  Table table({{"ID", true}, {"NAME", false, true}, {"WHY", false, true}});
  table.row({"1", "short", "a long reason that does not fit"});
  table.row({"200", "a\x1b[31m", {"x", Tone::bad}});
  CHECK(table.text({}) ==
        " ID  NAME    WHY\n"
        "  1  short   a long reason that does not fit\n"
        "200  a?[31m  x\n");
  CHECK(table.text({.width = 30}) ==
        " ID  NAME    WHY\n"
        "  1  short   a long reason th…\n"
        "200  a?[31m  x\n");
  CHECK(has(table.text({.color = true}), "\x1b[31mx\x1b[0m"));
}

TEST_CASE("formats: YAML keeps types, numbers are for people") {
  CHECK(yaml_text(Json::parse(R"({"a":{"b":[1,2.5,true,null]},"off":"off","n":"1","e":[]})")) ==
        "a:\n  b:\n    - 1\n    - 2.5\n    - true\n    - ~\noff: \"off\"\nn: \"1\"\ne: []\n");
  CHECK(human_bytes(1000) == "1000 B");
  CHECK(human_bytes(1536) == "1.5 KiB");
  CHECK(human_bytes(8u << 20) == "8.0 MiB");
  CHECK(human_span_of_time(59) == "59s");
  CHECK(human_span_of_time(3700) == "1h 1m");
  CHECK(human_span_of_time(200000) == "2d 7h");
  CHECK(counts_text(Json::parse(R"({"a":1,"b":0,"c":2})")) == "1 a, 2 c");
  CHECK(counts_text(Json()) == "none");
}

TEST_CASE("doctor: each finding with what follows from it") {
  KernelReport report;
  report.release = "6.18.0";
  report.probes = {
      {"BTF", Probe::State::works, "/sys/kernel/btf/vmlinux", "programs are relocated", ""},
      {"lockdown", Probe::State::limited, "integrity", "no user-memory writes", "boot without lockdown=integrity"}};
  report.usable = true;
  CHECK(doctor_text(report, {}) ==
        "kernel 6.18.0\n"
        "  works    BTF       /sys/kernel/btf/vmlinux\n"
        "                     so: programs are relocated\n"
        "  limited  lockdown  integrity\n"
        "                     so: no user-memory writes\n"
        "                     to get more: boot without lockdown=integrity\n"
        "\n"
        "weftd can run here.\n");
  CHECK(doctor_json(report)["probes"][1]["state"] == "limited");
  report.usable = false;
  report.reason = "no CAP_BPF: run as root";
  CHECK(has(doctor_text(report, {}), "weftd cannot run here: no CAP_BPF: run as root\n"));
}

TEST_CASE("weft doctor: tries this very kernel, with or without privileges, and needs no agent") {
  const auto finished = run_weft({"doctor", "-o", "json"});
  const Json report = Json::parse(finished.out, nullptr, false);
  REQUIRE(report.is_object());
  CHECK(finished.exit_code == (report["usable"].get<bool>() ? 0 : 1));
  CHECK_FALSE(report["probes"].empty());
  CHECK(report["usable"].get<bool>() == report["reason"].get<std::string>().empty());
}

TEST_CASE("record: the stream is cut at record ends, however it arrives") {
  const auto bytes = encode_recording_header({1, 2});
  std::string stream(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto clock = encode_clock_record({1, 2});
  for (int i = 0; i < 3; ++i) stream.append(reinterpret_cast<const char*>(clock.data()), clock.size());
  for (std::size_t piece = 1; piece < 100; piece += 7) {
    WholeRecords records;
    std::string out;
    for (std::size_t at = 0; at < stream.size() - 1; at += piece) {
      out += records.take(std::string_view(stream).substr(at, std::min(piece, stream.size() - 1 - at)));
    }
    CHECK(records.count() == 2);
    CHECK(out == stream.substr(0, stream.size() - clock.size()));
  }
  WholeRecords odd;
  CHECK(odd.take(std::string(100, '\0')).empty());
  CHECK(odd.broken());
}

TEST_CASE("weft replay: a file that is none") {
  const std::string file = "/tmp/weft-replay-test." + std::to_string(getpid());
  std::ofstream(file) << "nonsense";
  const auto finished = run_weft({"replay", file});
  CHECK(finished.exit_code == 1);
  CHECK(has(finished.err, file));
  CHECK(finished.out.empty());
  std::filesystem::remove(file);
}
