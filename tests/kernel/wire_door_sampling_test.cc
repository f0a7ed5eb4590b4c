// SPDX-License-Identifier: Apache-2.0
// The kernel's build of the sampling machine finds what the user-space build finds.
#include <doctest/doctest.h>

#include <cstring>
#include <random>

#include "sampling/table.h"
#include "support/wire_door.h"

namespace weft::test {
namespace {

class Words {
 public:
  std::size_t below(std::size_t n) { return random_() % n; }
  std::string path(bool pattern) {
    static const std::string words[] = {"a", "users", "12345678", "longer-than-eight-bytes", "x1"};
    std::string path;
    for (std::size_t i = 0, n = 1 + below(4); i < n; ++i)
      path += "/" + (pattern && below(3) == 0 ? std::string("{id}") : words[below(std::size(words))]);
    return pattern && below(3) == 0 ? path + "*" : path;
  }
  std::string method() {
    static const std::string methods[] = {"GET", "POST", "VERSION-CONTROL", "PUT"};
    return methods[below(std::size(methods))];
  }

 private:
  std::mt19937 random_{7};
};

}  // namespace

TEST_CASE("sampling: random rules and requests, kernel equals user space") {
  KernelDoor door;
  Words words;
  int by_rule = 0;
  for (int set = 0; set < 200; ++set) {
    ServicePlan plan{.ratio = 0.5};
    for (std::size_t i = 0, n = 1 + words.below(64); i < n; ++i)
      plan.rules.push_back({words.below(2) ? "" : words.method(), words.below(8) ? words.path(true) : "",
                            static_cast<double>(1 + words.below(99)) / 100, ""});
    const CompiledSampling compiled = compile_sampling({}, plan, {});
    REQUIRE(compiled.problems.empty());
    door.slot().sampling_table = *compiled.table;
    for (int request = 0; request < 50; ++request) {
      const std::string method = words.method();
      const std::string target =
          (words.below(8) ? "" : "http://shop:80") + words.path(false) + (words.below(3) ? "" : "?a=/b");
      const std::string line = method + " " + target + " HTTP/1.1\r\n";
      std::memset(door.slot().text.bytes, 0, 512);
      std::memcpy(door.slot().text.bytes, line.data(), line.size());
      sampling_work work{};
      work.target = static_cast<__u32>(method.size() + 1);
      work.end = static_cast<__u32>(method.size() + 1 + target.size());
      work.threshold = compiled.table->services[0].threshold;
      door.slot().sampling = work;
      sampling_search(&door.slot().text, compiled.table.get(), compiled.table->services[0].first, &work);
      door.sampling();
      CAPTURE(line);
      REQUIRE(door.slot().sampling.threshold == work.threshold);
      by_rule += work.threshold != compiled.table->services[0].threshold;
    }
  }
  CHECK(by_rule > 1000);
}

}  // namespace weft::test
