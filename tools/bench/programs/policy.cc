// SPDX-License-Identifier: Apache-2.0
// bench_policy: what the baggage policy costs. One JSON object on standard output: nanoseconds of an evaluation in the
// kernel (BPF_PROG_TEST_RUN, the same text over and over), of the worst text that a search finds, of compiling.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "kernel/kernel.h"
#include "support/policy_cases.h"
#include "support/wire_door.h"

namespace weft::test {
namespace {

constexpr int kRounds = 150;

std::shared_ptr<const policy_set> tables(const RuleSet& rules) {
  auto compiled = compile(rules);
  if (!compiled) {
    fmt::print(stderr, "bench_policy: {}\n", compiled.error().reason);
    std::exit(1);
  }
  return compiled->sets.front();
}

class Door {
 public:
  void use(const policy_set& set) { std::memcpy(&door_.slot().set, &set, sizeof set); }
  // The least of many short means: what is measured is the code, not its neighbours.
  double ns(const std::string& text, int repeat, int rounds = kRounds) {
    give(door_.slot().policy, {.text = text});
    door_.slot().injectable = 0;
    double least = 1e18;
    for (int i = 0; i < rounds; ++i) least = std::min(least, door_.policy_ns(repeat));
    return least;
  }
  const policy_run& run() { return door_.slot().policy; }

 private:
  KernelDoor door_;
};

// Texts of `bytes` bytes that keep as much of the machinery busy as possible: shapes known to be bad, then changes of
// the worst of them for as long as they make it worse.
struct Worst {
  double ns = 0;
  std::string text, shape;
};
Worst worst_text(Door& kernel, std::size_t bytes, int changes) {
  const std::string key = "user.id0=";
  std::map<std::string, std::string> shapes;
  const auto filled = [&](std::string text, std::string_view with) {
    while (text.size() < bytes) text += with;
    text.resize(bytes);
    return text;
  };
  shapes["one clean value"] = filled(key, "xyz!");
  shapes["commas"] = filled("", ",");
  shapes["tiny members"] = filled("", "a=b,");
  shapes["properties"] = filled(key, ";a=b");
  shapes["escapes"] = filled(key, "%41");
  shapes["cards"] = filled(key, "1234-5678-9012-3456");
  shapes["short matches"] = filled(key, "123-45-6789 ");
  shapes["near cards"] = filled(key, "1234-5678-9012-345.") + "";
  shapes["digits"] = filled(key, "1");
  shapes["hex"] = filled(key, "0123abcd-");
  shapes["mail run"] = filled(key, "a").substr(0, bytes - 5) + "@b.cc";
  shapes["password"] = filled(key, "password=");
  shapes["words"] = filled(key, "acct-1234567 ");
  shapes["tokens"] = filled(key, "eyJa.eyJb.");
  Worst worst;
  for (const auto& [name, text] : shapes) {
    const double ns = kernel.ns(text, 50, 3);
    if (ns > worst.ns) worst = {ns, text, name};
  }
  Random random(11);
  static constexpr std::string_view pieces[] = {
      "1",   "12-",       "123-45-678", "@",  ".",        "a", "-",          "1234-5678-9012-345", "%41", ";p=",
      "eyJ", "password=", "AKIA",       "gh", "sk_live_", "0", "acct-12345", ",user.id0=",         " "};
  for (int i = 0; i < changes; ++i) {
    std::string text = worst.text;
    const std::string_view piece = pieces[random() % std::size(pieces)];
    const std::size_t at = key.size() + random() % (bytes - key.size() - 64), times = 1 + random() % 400;
    std::string run;
    while (run.size() < times) run += piece;
    text.replace(at, std::min(run.size(), bytes - at), run.substr(0, bytes - at));
    text.resize(bytes);
    double ns = kernel.ns(text, 30, 1);
    if (ns > worst.ns) ns = kernel.ns(text, 50, 3);
    if (ns > worst.ns) worst = {ns, text, worst.shape + " changed"};
  }
  worst.ns = kernel.ns(worst.text, 20, 20);
  return worst;
}

double compile_ms() {
  const RuleSet rules = realistic_policy(256, 64);
  double least = 1e18;
  for (int i = 0; i < 3; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto compiled = compile(rules);
    least =
        std::min(least, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    if (!compiled) return -1;
  }
  return least;
}

// A live rule set replaced by another: maps made and filled, one update, no program left that knows the old one.
double publish_ms() {
  auto kernel = weft::Kernel::load({.enrol = false, .late_at_need = true});
  if (!kernel) {
    fmt::print(stderr, "bench_policy: {}\n", kernel.error().message);
    std::exit(1);
  }
  const PolicyImage image{.sets = {tables(realistic_policy(50, 5))}, .service = {}};
  std::vector<double> all;
  for (int i = 0; i < 15; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (!(*kernel)->policy().publish(image)) std::exit(1);
    all.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(all.begin(), all.begin() + 7, all.end());
  return all[7];
}

// In /proc/self/status: VmRSS, VmHWM (the peak since it was last cleared). Not getrusage(): a program inherits the peak
// of whoever started it.
double resident_mib(std::string_view which) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(which)) return std::stod(line.substr(which.size() + 1)) / 1024;
  fmt::print(stderr, "bench_policy: no {} in /proc/self/status\n", which);
  std::exit(1);
}

void clear_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

int run(int changes) {
  nlohmann::json out;
  clear_peak();
  const double before = resident_mib("VmRSS");
  out["compile_ms"] = compile_ms();
  out["compile_mib"] = resident_mib("VmHWM") - before;
  out["publish_ms"] = publish_ms();
  Door kernel;
  for (const int rules : {10, 50, 250}) {
    const auto set = tables(realistic_policy(static_cast<std::size_t>(rules), 5));
    kernel.use(*set);
    out[fmt::format("clean_{}_ns", rules)] = kernel.ns(realistic_baggage(10, 500, 0), 400);
    if (rules != 50) continue;
    out["one_redacted_ns"] = kernel.ns(realistic_baggage(10, 500, 1), 400);
    out["five_redacted_ns"] = kernel.ns(realistic_baggage(10, 500, 5), 400);
    out["one_member_ns"] = kernel.ns("user.id0=a", 1000);
    out["nothing_ns"] = kernel.ns("", 1000);
  }
  kernel.use(*tables(default_rule_set()));
  out["no_policy_ns"] = kernel.ns(realistic_baggage(10, 500, 0), 400);
  kernel.use(*tables(realistic_policy(256, 64)));
  out["large_set_ns"] = kernel.ns(realistic_baggage(10, 500, 0), 400);
  const Worst worst = worst_text(kernel, 8192, changes);
  out["worst_ns"] = worst.ns;
  out["worst_shape"] = worst.shape;
  fmt::print("{}\n", out.dump());
  return 0;
}

}  // namespace
}  // namespace weft::test

int main(int argc, char** argv) { return weft::test::run(argc > 1 ? std::atoi(argv[1]) : 2000); }
