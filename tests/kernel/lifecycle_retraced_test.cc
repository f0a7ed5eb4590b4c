// SPDX-License-Identifier: Apache-2.0
// What a program that was under way leaves behind when its process is let go meanwhile: it adds its entries when all
// others have been taken out. A program cannot be held up from outside, so the entries are put back instead.
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/unique_fd.h"
#include "lifecycle_scene.h"

namespace weft::test {
namespace {

using Bytes = std::vector<char>;
using Entries = std::map<Bytes, Bytes>;

// The newest map of that name: there is one kernel side at a time.
UniqueFd map_named(std::string_view name) {
  UniqueFd found;
  for (__u32 id = 0; bpf_map_get_next_id(id, &id) == 0;) {
    UniqueFd map(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    __u32 bytes = sizeof info;
    if (map && bpf_obj_get_info_by_fd(map.get(), &info, &bytes) == 0 && name == info.name) found = std::move(map);
  }
  REQUIRE(found);
  return found;
}

std::uint64_t first_word(const Bytes& bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof word);
  return word;
}

// Of an array: those whose value does not begin with 0.
Entries entries_of(const UniqueFd& map) {
  bpf_map_info info{};
  __u32 bytes = sizeof info;
  REQUIRE(bpf_obj_get_info_by_fd(map.get(), &info, &bytes) == 0);
  Entries all;
  Bytes key(info.key_size), next(info.key_size), value(info.value_size);
  for (int error = bpf_map_get_next_key(map.get(), nullptr, next.data()); !error;
       error = bpf_map_get_next_key(map.get(), key.data(), next.data())) {
    key = next;
    if (bpf_map_lookup_elem(map.get(), key.data(), value.data()) == 0 &&
        (info.type != BPF_MAP_TYPE_ARRAY || first_word(value)))
      all[key] = value;
  }
  return all;
}

void put_back(const UniqueFd& map, const Entries& entries) {
  for (const auto& [key, value] : entries)
    REQUIRE(bpf_map_update_elem(map.get(), key.data(), value.data(), BPF_ANY) == 0);
}

TEST_CASE("an exchange that was begun while its process was let go is nobody's when it is traced again") {
  const std::string trace = "11111111111111111111111111111111";
  Scene scene;
  scene.trace();
  const Scene::Taken taken =
      scene.take("a", get("/old", fmt::format("traceparent: 00-{}-2222222222222222-01\r\n", trace)));
  REQUIRE(header(scene.called("a", get("/before")), "traceparent").at(0).substr(3, 32) == trace);
  const UniqueFd exchanges = map_named("exchanges"), tasks = map_named("tasks");
  const Entries exchange = entries_of(exchanges), task = entries_of(tasks);
  REQUIRE(exchange.size() == 1);
  REQUIRE(task.size() == 1);
  scene.untrace();
  REQUIRE(entries_of(exchanges).empty());
  REQUIRE(entries_of(tasks).empty());
  put_back(exchanges, exchange);
  put_back(tasks, task);
  scene.trace();

  CHECK(scene.called("a", get("/behind")).find(trace) == std::string::npos);
  CHECK(scene.request("/behind").event.parent_exchange_id == 0);

  scene.untrace();
  Entries none = exchange;
  for (auto& [key, value] : none) value.assign(value.size(), 0);
  put_back(exchanges, none);
}

// A call of a process that serves something beginning a trace of its own: it may be part of what is served.
std::size_t begins_a_trace(Scene& scene, const std::string& target) {
  return header(scene.called("main", get(target)), "traceparent").size();
}

TEST_CASE("while a connection that was accepted before may be served, no call begins a trace") {
  Scene scene;
  Scene::Taken taken = scene.take("a", get("/unseen"));
  scene.trace();
  CHECK(begins_a_trace(scene, "/of-main") == 0);
  CHECK(scene.request("/of-main").event.injection == INJECTION_NO_TASK);
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), ok) == "sent");  // it may have others, in pieces
  CHECK(begins_a_trace(scene, "/answered") == 0);

  SUBCASE("until an exchange on it has been seen") {
    REQUIRE(send_all(taken.peer.get(), get("/seen")));
    REQUIRE(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
    CHECK(begins_a_trace(scene, "/meanwhile") == 0);
    CHECK(scene.tell("a", fmt::format("send {}", taken.fd), ok) == "sent");
  }
  SUBCASE("until it is closed") {
    CHECK(scene.tell("a", fmt::format("close {}", taken.fd)) == "0");
    taken.peer.reset();
  }
  CHECK(scene.settles([&] { return begins_a_trace(scene, "/orphan") == 1; }));
}

TEST_CASE("… nor while it was accepted and nothing at all has been seen on it, until it is closed") {
  Scene scene;
  Scene::Taken taken = scene.take("a", get("/unseen"));
  scene.trace();
  CHECK(begins_a_trace(scene, "/of-main") == 0);
  CHECK(scene.tell("a", fmt::format("close {}", taken.fd)) == "0");
  taken.peer.reset();
  CHECK(scene.settles([&] { return begins_a_trace(scene, "/orphan") == 1; }));
}

TEST_CASE("a process that has accepted nothing begins traces at once, with connections of its own open") {
  Scene scene;
  const Scene::Taken none = scene.accepted("a");
  CHECK(scene.tell("a", fmt::format("close {}", none.fd)) == "0");
  REQUIRE(scene.called("main", get("/before")) == get("/before"));
  scene.trace();
  CHECK(begins_a_trace(scene, "/orphan") == 1);
}

}  // namespace
}  // namespace weft::test
