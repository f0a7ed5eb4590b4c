// SPDX-License-Identifier: Apache-2.0
#include "policy_scene.h"

#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

namespace weft::test {

PlacedText text(std::string value) { return {std::move(value), {}, false}; }

RuleSet denying(std::string key) {
  RuleSet set;
  set.top.deny.push_back(text(std::move(key)));
  return set;
}

Injection injecting(std::string key, std::string value, std::string path, std::string service) {
  Injection injection;
  injection.when.path_prefix = text(std::move(path));
  injection.when.service = text(std::move(service));
  injection.set.push_back({text(std::move(key)), text(std::move(value))});
  return injection;
}

PolicyImage image(const RuleSet& rules, std::uint64_t generation) {
  const auto compiled = compile(rules);
  REQUIRE(compiled.has_value());
  return policy_image(*compiled, generation);
}

void publish(Scene& scene, const RuleSet& rules, std::uint64_t generation) {
  const auto published = scene.kernel().policy().publish(image(rules, generation));
  REQUIRE(published.has_value());
}

void take_away_live_set() {
  bool found = false;
  for (__u32 id = 0; bpf_map_get_next_id(id, &id) == 0;) {
    const Fd map(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    __u32 bytes = sizeof info;
    const __u32 live = POLICY_LIVE;
    if (map.get() < 0 || bpf_obj_get_info_by_fd(map.get(), &info, &bytes)) continue;
    if (std::string_view(info.name) != "policy_generati") continue;
    found |= bpf_map_delete_elem(map.get(), &live) == 0;  // one that the kernel is about to free has none
  }
  REQUIRE(found);
}

Passed pass(Scene& scene, const std::string& target, const std::string& baggage_lines, const std::string& context,
            const std::function<void()>& between) {
  const Scene::Taken taken = scene.take("a", get(target, context + baggage_lines));
  if (between) between();
  const auto values = header(scene.called("a", get("/out" + target)), "baggage");
  REQUIRE(scene.tell("a", fmt::format("send {}", taken.fd), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") != "");
  CHECK(values.size() <= 1);
  return {values.empty() ? "-" : values.front(), scene.request(target)};
}

}  // namespace weft::test
