// SPDX-License-Identifier: Apache-2.0
// Produce requests on live sockets: what arrives is what was sent, or that with one context in every record that had
// none, to the last byte.
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>
#include <thread>

#include "kafka_frames.h"
#include "kernel/kafka_callers.h"
#include "kernel/unique_fd.h"
#include "support/kafka/produce.h"
#include "support/slowness.h"
#include "support/traffic/agent.h"
#include "support/traffic/process.h"
#include "wire/kafka_work.h"

namespace weft::test::kafka {
namespace {

// A Produce response of the simplest version of `request`'s form: one topic, one partition.
Bytes answer_to(const Produce& request, std::uint16_t error) {
  const bool compact = request.version >= 9;
  Bytes out = number(static_cast<std::uint32_t>(request.correlation_id));
  if (compact) out += '\0';
  out += compact ? Bytes("\2") : number(1);
  out += request.version >= 13 ? Bytes(16, 'i') : compact ? Bytes("\2t") : Bytes("\0\1t", 3);
  out += compact ? Bytes("\2") : number(1);
  out += number(0) + static_cast<char>(error >> 8) + static_cast<char>(error) + Bytes(24, '\0');
  out += (compact ? '\1' : '\0') + Bytes(15, '\0');  // record errors, a message, tags, and what may follow
  return number(static_cast<std::uint32_t>(out.size())) + out;
}

enum class Way { whole, pieces, split, pairs, tiny_buffer };

struct Plan {
  std::uint64_t seed;
  Way way;
  int requests;
  std::size_t value_bytes = 300;
};

// Both sides know all requests.
std::vector<Produce> requests_of(const Plan& plan) {
  std::mt19937_64 random(plan.seed);
  std::vector<Produce> requests;
  for (int i = 0; i < plan.requests; i++) {
    requests.push_back(random_produce(random, plan.value_bytes));
    requests.back().correlation_id = i + 1;
  }
  return requests;
}

void send_pieces(int fd, const Bytes& bytes, std::mt19937_64& random) {
  iovec pieces[6];
  std::size_t at = 0, n = 0;
  while (at < bytes.size()) {
    const std::size_t size = n == 5 ? bytes.size() - at : std::min<std::size_t>(bytes.size() - at, 1 + random() % 3000);
    pieces[n++] = {const_cast<char*>(bytes.data()) + at, size};
    at += size;
  }
  if (must(static_cast<int>(::writev(fd, pieces, static_cast<int>(n))), "writev") < static_cast<int>(bytes.size()))
    die("writev was short");
}

std::string produce_all(const Plan& plan, std::uint16_t port) {
  std::mt19937_64 random(plan.seed + 1);
  const Fd fd = connect_to(port, false, plan.way == Way::tiny_buffer ? 4096 : 0);
  if (!send_all(fd.get(), api_versions()) || !read_frame(fd.get())) return "no broker";
  Bytes held;
  int waits = 0;
  for (const Produce& request : requests_of(plan)) {
    const Bytes bytes = held + encode(request);
    held.clear();
    waits += request.acks != 0;
    if (plan.way == Way::pairs && bytes.size() < 100000 && random() % 2) {
      held = bytes;
      continue;
    }
    if (plan.way == Way::pieces) {
      send_pieces(fd.get(), bytes, random);
    } else if (plan.way == Way::split) {
      const std::size_t at = 1 + random() % (bytes.size() - 1);
      if (!send_all(fd.get(), bytes.substr(0, at)) || !send_all(fd.get(), bytes.substr(at))) return "cannot send";
    } else if (!send_all(fd.get(), bytes)) {
      return "cannot send";
    }
    for (; waits > 0; waits--)
      if (!read_frame(fd.get())) return "no answer";
  }
  if (!held.empty() && !send_all(fd.get(), held)) return "cannot send";
  ::shutdown(fd.get(), SHUT_WR);
  read_to_end(fd.get());
  return "done";
}

struct Arrived {
  std::vector<Bytes> frames;
};

Arrived serve(int listener, const std::vector<Produce>& requests, int refuse_at) {
  Arrived arrived;
  const Fd fd = accept_from(listener);
  if (read_frame(fd.get()) != api_versions()) return arrived;
  send_all(fd.get(), number(10) + number(0) + Bytes(6, '\0'));
  for (std::size_t i = 0; i < requests.size(); i++) {
    auto frame = read_frame(fd.get());
    if (!frame) break;
    arrived.frames.push_back(std::move(*frame));
    if (requests[i].acks) send_all(fd.get(), answer_to(requests[i], static_cast<int>(i) == refuse_at ? 10 : 0));
  }
  return arrived;
}

// The context in the records that have one which they were not sent with; empty: there is none.
std::string context_of(const Produce& sent, const Produce& got) {
  for (std::size_t t = 0; t < got.topics.size() && t < sent.topics.size(); t++)
    for (std::size_t p = 0; p < got.topics[t].partitions.size() && p < sent.topics[t].partitions.size(); p++) {
      const auto& before = sent.topics[t].partitions[p].batch.records;
      const auto& after = got.topics[t].partitions[p].batch.records;
      for (std::size_t r = 0; r < after.size() && r < before.size(); r++)
        if (after[r].headers != before[r].headers && !after[r].headers.empty())
          return after[r].headers.back().value.value_or("");
    }
  return {};
}

struct Outcome {
  int changed = 0, first_unchanged = -1, changeable = 0, last_changed = -1;
};

// Records of a request that is changed when all goes well.
std::size_t changeable(const Produce& request) {
  std::size_t records = 0;
  with_headers(request, {{{"traceparent", ""}}, {}, false}, records);
  return request.version < 5 ? 0 : records;
}

Outcome run(TestAgent& agent, const Plan& plan, int refuse_at = -1) {
  const Listener listener = listen_on_loopback();
  const std::vector<Produce> requests = requests_of(plan);
  Arrived arrived;
  std::thread broker([&] { arrived = serve(listener.fd.get(), requests, refuse_at); });
  ForkedChild client([&] { return produce_all(plan, listener.port); });
  REQUIRE(agent.trace(client.pid()));
  client.go();
  CHECK(client.result() == "done");
  broker.join();
  agent.untrace(client.pid());
  Outcome outcome;
  REQUIRE(arrived.frames.size() == requests.size());
  for (std::size_t i = 0; i < requests.size(); i++) {
    const Bytes original = encode(requests[i]);
    const std::size_t records = changeable(requests[i]);
    outcome.changeable += records > 0 && original.size() < KAFKA_CAP - 100000;
    if (arrived.frames[i] == original) {
      if (records && outcome.first_unchanged < 0) outcome.first_unchanged = static_cast<int>(i);
      continue;
    }
    CHECK(records > 0);
    outcome.changed++;
    outcome.last_changed = static_cast<int>(i);
    const std::string context = context_of(requests[i], decode(arrived.frames[i]));
    REQUIRE(context.size() == 55);
    CHECK(context.starts_with("00-"));
    std::size_t changed = 0;
    REQUIRE(encode(with_headers(requests[i], {{{"traceparent", context}}, {}, false}, changed)) == arrived.frames[i]);
  }
  return outcome;
}

// The kernel's map of that type whose name begins so, which is the agent's.
UniqueFd map_named(bpf_map_type type, std::string_view name) {
  for (__u32 id = 0; bpf_map_get_next_id(id, &id) == 0;) {
    UniqueFd map(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    __u32 bytes = sizeof info;
    if (map && !bpf_obj_get_info_by_fd(map.get(), &info, &bytes) && info.type == type &&
        std::string_view(info.name) == name.substr(0, sizeof info.name - 1))
      return map;
  }
  return UniqueFd();
}

bool is_made(std::string_view table) {
  const UniqueFd place = map_named(BPF_MAP_TYPE_ARRAY_OF_MAPS, table);
  const __u32 zero = 0;
  __u32 id = 0;
  REQUIRE(place);
  return bpf_map_lookup_elem(place.get(), &zero, &id) == 0;
}

// As a program does that builds a request and never ends.
void occupy_first_slots() {
  const UniqueFd slots = map_named(BPF_MAP_TYPE_ARRAY, "kafka_slot");
  bpf_map_info info{};
  __u32 bytes = sizeof info;
  REQUIRE(slots);
  REQUIRE(bpf_obj_get_info_by_fd(slots.get(), &info, &bytes) == 0);
  std::vector<char> slot(info.value_size);
  const __u32 claimed = 1;
  std::memcpy(slot.data(), &claimed, sizeof claimed);
  for (__u32 i = 0; i < info.max_entries; i++) REQUIRE(bpf_map_update_elem(slots.get(), &i, slot.data(), BPF_ANY) == 0);
}

// No further descriptors meanwhile.
class NoFiles {
 public:
  NoFiles() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{.rlim_cur = 3, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("Kafka on sockets: what arrives is what was sent, or that with one context in each record") {
  const auto agent = agent_now();
  for (const Way way : {Way::whole, Way::pieces, Way::split, Way::pairs, Way::tiny_buffer}) {
    CAPTURE(static_cast<int>(way));
    const Outcome outcome =
        run(*agent, {.seed = 40 + static_cast<unsigned>(way), .way = way, .requests = slowness() > 1 ? 40 : 150});
    CAPTURE(agent->summary());
    CAPTURE(outcome.changeable);
    if (!agent->real()) {
      CHECK(outcome.changed == 0);
    } else if (way == Way::whole || way == Way::pieces) {
      CHECK(outcome.changed * 10 >= outcome.changeable * 9);
    } else if (way == Way::split) {
      CHECK(outcome.changed == 0);
    }
  }
}

TEST_CASE("Kafka on sockets: long requests") {
  const auto agent = agent_now();
  const Outcome outcome =
      run(*agent, {.seed = 60, .way = Way::whole, .requests = slowness() > 1 ? 10 : 60, .value_bytes = 200000});
  CAPTURE(agent->summary());
  if (agent->real()) CHECK(outcome.changed > 0);
}

TEST_CASE("Kafka on sockets: after a refusal nothing more is changed on the connection") {
  const auto agent = agent_now();
  Plan plan{.seed = 7, .way = Way::whole, .requests = 80};
  int refuse_at = 20;
  for (const auto requests = requests_of(plan); requests[static_cast<std::size_t>(refuse_at)].acks == 0 ||
                                                !changeable(requests[static_cast<std::size_t>(refuse_at)]);)
    refuse_at++;
  const Outcome outcome = run(*agent, plan, refuse_at);
  CAPTURE(agent->summary());
  CHECK(outcome.last_changed <= refuse_at);
  if (agent->real()) {
    CHECK(outcome.changed > 5);
    CHECK(agent->counters().injections.at({"kafka", "refused"}) > 0);
  }
}

TEST_CASE("Kafka on sockets: one request at a time with what is there from the start, more once Kafka is spoken") {
  const auto agent = agent_now();
  if (!agent->real()) return;
  Kernel& kernel = agent->spend();
  occupy_first_slots();
  const Plan plan{.seed = 8, .way = Way::whole, .requests = 40};
  CHECK_FALSE(is_made("kafka_more_slots"));
  CHECK(run(*agent, plan).changed == 0);
  CHECK(agent->counters().injections.at({"kafka", "no_scratch"}) > 0);
  REQUIRE(kafka_caller_notes(kernel).expect_kafka());
  CHECK(is_made("kafka_more_slots"));
  CHECK(run(*agent, plan).changed > 5);
}

TEST_CASE("Kafka's tables are made when they are needed, or it is said that they are not") {
  const auto agent = agent_now();
  if (!agent->real()) return;
  KafkaCallerNotes& kafka = kafka_caller_notes(agent->spend());
  {
    const NoFiles none;
    CHECK_FALSE(kafka.expect_kafka());
    CHECK_FALSE(kafka.note_kafka_callers(::getpid(), {}, {}));
  }
  for (const char* table : {"kafka_more_slots", "kafka_notes", "kafka_texts", "kafka_sources", "kafka_consumers"})
    CHECK_FALSE(is_made(table));
  CHECK(kafka.expect_kafka());
  CHECK_FALSE(is_made("kafka_notes"));
  CHECK(kafka.note_kafka_callers(::getpid(), {}, {}));
  for (const char* table : {"kafka_more_slots", "kafka_notes", "kafka_texts"}) CHECK(is_made(table));
}

}  // namespace weft::test::kafka
