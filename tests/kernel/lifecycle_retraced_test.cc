// SPDX-License-Identifier: Apache-2.0
// What a program that was under way leaves behind when its process is let go meanwhile: it adds its entries when all
// others have been taken out. A program cannot be held up from outside, so the entries are put back instead.
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kernel/unique_fd.h"
#include "lifecycle_scene.h"
#include "wire/settings.h"

namespace weft::test {
namespace {

using Bytes = std::vector<char>;
using Entries = std::map<Bytes, Bytes>;

// The map of that name that this process has open: others on the machine may have some of the same.
UniqueFd map_named(std::string_view name) {
  UniqueFd found;
  for (const auto& file : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream lines(file.path());
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("map_id:")) continue;
      UniqueFd map(bpf_map_get_fd_by_id(static_cast<__u32>(std::stoul(line.substr(7)))));
      bpf_map_info info{};
      __u32 bytes = sizeof info;
      if (map && bpf_obj_get_info_by_fd(map.get(), &info, &bytes) == 0 && name == info.name) found = std::move(map);
    }
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

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

void answer(Scene& scene, const Scene::Taken& taken) {
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), kOk) == "sent");
}

// Does a call of a thread that serves nothing begin a trace?
bool begins_a_trace(Scene& scene, const std::string& target) {
  return header(scene.called("main", get(target)), "traceparent").size() == 1;
}

// It does again, and the count of what hindered it is as it was.
void is_free_again(Scene& scene) {
  CHECK(scene.settles([&] { return begins_a_trace(scene, "/orphan"); }));
  process_entry entry{};
  const auto key = static_cast<__u32>(scene.pid());
  REQUIRE(bpf_map_lookup_elem(map_named("processes").get(), &key, &entry) == 0);
  CHECK(entry.blind == 0);
}

TEST_CASE("while a connection that was accepted before may be served, no call begins a trace") {
  Scene scene;
  Scene::Taken taken = scene.take("a", get("/unseen"));
  scene.trace();
  CHECK_FALSE(begins_a_trace(scene, "/of-main"));
  CHECK(scene.request("/of-main").event.injection == INJECTION_NO_TASK);

  SUBCASE("until an exchange on it has been seen") {
    answer(scene, taken);
    CHECK_FALSE(begins_a_trace(scene, "/answered"));  // more of it may come
    REQUIRE(send_all(taken.peer.get(), get("/seen")));
    REQUIRE(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
    CHECK_FALSE(begins_a_trace(scene, "/meanwhile"));
    answer(scene, taken);
  }
  SUBCASE("in however many pieces the response is sent, until it is closed") {
    REQUIRE(scene.tell("a", fmt::format("send {}", taken.fd), "HTTP/1.1 200 OK\r\n\r\n") == "sent");
    for (int piece = 0; piece < 100; ++piece)
      REQUIRE(scene.tell("a", fmt::format("send {}", taken.fd), "more") == "sent");
    CHECK_FALSE(begins_a_trace(scene, "/of-many"));
    CHECK(scene.tell("a", fmt::format("close {}", taken.fd)) == "0");
    taken.peer.reset();
  }
  SUBCASE("until it is closed") {
    CHECK(scene.tell("a", fmt::format("close {}", taken.fd)) == "0");
    taken.peer.reset();
  }
  is_free_again(scene);
}

TEST_CASE("… also where nothing was asked on it before: until its first exchange") {
  Scene scene;
  const Scene::Taken taken = scene.accepted("a");
  scene.trace();
  CHECK_FALSE(begins_a_trace(scene, "/of-main"));
  REQUIRE(send_all(taken.peer.get(), get("/first")));
  REQUIRE(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
  CHECK(scene.reported("/first") == 1);
  answer(scene, taken);
  is_free_again(scene);
}

TEST_CASE("… and for no longer than a request may be idle, traced for the first time or again") {
  constexpr auto idle = std::chrono::milliseconds(50);
  const KernelOptions options{.idle_timeout_ns = std::chrono::nanoseconds(idle).count()};
  Scene scene(options);
  const Scene::Taken taken = scene.take("a", get("/unseen"));
  for (int time = 0; time < 2; ++time) {
    scene.trace();
    CHECK_FALSE(begins_a_trace(scene, "/of-main"));
    std::this_thread::sleep_for(2 * idle);
    scene.kernel().sweep();
    is_free_again(scene);
    REQUIRE(send_all(taken.peer.get(), get("/joining")));
    REQUIRE(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
    CHECK_FALSE(begins_a_trace(scene, "/meanwhile"));
    scene.untrace();
  }
}

TEST_CASE("… also where another process that has it open follows it") {
  Scene scene;
  const Scene::Taken taken = scene.accepted("a");
  const pid_t child = scene.number("main", "fork");
  REQUIRE(scene.kernel().trace(child, {}));
  REQUIRE(send_all(taken.peer.get(), get("/of-child")));
  REQUIRE(scene.number("child", fmt::format("main recv {}", taken.fd)) > 0);
  REQUIRE(scene.reported("/of-child") == 1);
  scene.trace();
  CHECK_FALSE(begins_a_trace(scene, "/of-main"));
  CHECK(scene.tell("child", fmt::format("main send {}", taken.fd), kOk) == "sent");
  is_free_again(scene);
  CHECK(scene.tell("child", "main exit") == "child ended");
}

TEST_CASE("a connection of its own on which it speaks first, and no HTTP, holds back nothing for long") {
  Scene scene;
  const int fd = scene.number("a", fmt::format("connect {}", scene.sink()));
  REQUIRE(fd >= 0);
  const Fd peer = scene.accept_at_sink();
  const auto hears = [&] {
    REQUIRE(send_all(peer.get(), "+OK\r\n"));
    REQUIRE(scene.number("a", fmt::format("recv {}", fd)) > 0);
  };
  hears();
  scene.trace();
  hears();
  CHECK_FALSE(begins_a_trace(scene, "/at-first"));
  for (int i = 0; i < 100; ++i) REQUIRE(scene.tell("a", fmt::format("send {}", fd), "PING~") == "sent");
  is_free_again(scene);
}

// Only where connections are kept in a hash, which outlives their sockets.
TEST_CASE("a blind connection whose socket went without a word is given up as any other") {
  constexpr auto idle = std::chrono::milliseconds(50);
  Scene scene({.idle_timeout_ns = std::chrono::nanoseconds(idle).count()});
  const UniqueFd connections = map_named("connections_by_"), processes = map_named("processes");
  Scene::Taken taken = scene.take("a", get("/unseen"));
  scene.trace();
  Entries gone = entries_of(connections);
  if (gone.empty()) return;  // kept with their sockets here, and so gone with them
  REQUIRE(gone.size() == 1);
  CHECK(scene.tell("a", fmt::format("close {}", taken.fd)) == "0");
  taken.peer.reset();
  is_free_again(scene);

  const auto pid = static_cast<__u32>(scene.pid());
  process_entry entry{};
  REQUIRE(bpf_map_lookup_elem(processes.get(), &pid, &entry) == 0);
  entry.blind = 1;
  REQUIRE(bpf_map_update_elem(processes.get(), &pid, &entry, BPF_EXIST) == 0);
  Bytes nowhere(sizeof(__u64));
  nowhere[0] = 8;
  REQUIRE(bpf_map_update_elem(connections.get(), nowhere.data(), gone.begin()->second.data(), BPF_ANY) == 0);
  CHECK_FALSE(begins_a_trace(scene, "/of-main"));
  std::this_thread::sleep_for(2 * idle);
  scene.kernel().sweep();
  is_free_again(scene);
  bpf_map_delete_elem(connections.get(), nowhere.data());
}

TEST_CASE("a process that has accepted nothing begins traces at once, with connections of its own open") {
  Scene scene;
  const int fd = scene.number("a", fmt::format("connect {}", scene.sink()));
  REQUIRE(fd >= 0);
  const Fd peer = scene.accept_at_sink();
  scene.trace();
  CHECK(begins_a_trace(scene, "/orphan"));
  is_free_again(scene);
}

}  // namespace
}  // namespace weft::test
