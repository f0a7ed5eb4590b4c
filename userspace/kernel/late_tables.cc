// SPDX-License-Identifier: Apache-2.0
#include "kernel/late_tables.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include "kernel/kernel_impl.h"
#include "wire/late_tables.h"

namespace weft {
namespace {

constexpr __u32 kEntry = 0;  // the only one of a place
constexpr auto kPause = std::chrono::microseconds(100);

std::uint32_t processors() { return static_cast<std::uint32_t>(std::max(1, libbpf_num_possible_cpus())); }

}  // namespace

LateTables::LateTables(const weft_bpf& skeleton) {
  const auto& maps = skeleton.maps;
  const auto add = [this](Use use, bpf_map* place, std::uint32_t entries) {
    const bpf_map* like = bpf_map__inner_map(place);
    tables_.push_back({.use = use,
                       .place = place,
                       .type = static_cast<std::uint32_t>(bpf_map__type(like)),
                       .key_bytes = bpf_map__key_size(like),
                       .value_bytes = bpf_map__value_size(like),
                       .flags = bpf_map__map_flags(like),
                       .entries = entries,
                       .table = UniqueFd(),
                       .put = {}});
  };
  add(Use::goroutines, maps.go_processes, GO_PROCESSES);
  add(Use::goroutines, maps.start_sites, GO_START_SITES);
  add(Use::goroutines, maps.go_sends, GO_SENDS);
  add(Use::goroutines, maps.go_stream_sends, GO_STREAM_SENDS);
  add(Use::grpc_core, maps.grpc_core_notes, GRPC_CORE_NOTES);
  add(Use::kafka_requests, maps.kafka_more_slots, std::min<std::uint32_t>(KAFKA_MORE_SLOTS, processors()));
  add(Use::kafka_topics, maps.kafka_topics, KAFKA_TOPICS);
  add(Use::kafka_producers, maps.kafka_notes, KAFKA_NOTES);
  add(Use::kafka_producers, maps.kafka_texts, KAFKA_TEXTS);
  add(Use::kafka_consumers, maps.kafka_consumers, KAFKA_CONSUMERS);
  add(Use::kafka_consumers, maps.kafka_sources, KAFKA_SOURCES);
  add(Use::tls, maps.tls_connections, TLS_CONNECTIONS);
  add(Use::openssl, maps.openssl_sessions, OPENSSL_SESSIONS);
  add(Use::tls, maps.tls_calls, TLS_CALLS);
}

UniqueFd LateTables::create(const Wanted& wanted) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = wanted.flags);
  return UniqueFd(bpf_map_create(static_cast<bpf_map_type>(wanted.type), bpf_map__name(wanted.place), wanted.key_bytes,
                                 wanted.value_bytes, wanted.entries, &options));
}

Result<void> LateTables::make(Use use) {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<Wanted*, UniqueFd>> made;
  for (auto& wanted : tables_) {
    if (wanted.use != use || wanted.table) continue;
    UniqueFd table = create(wanted);
    if (!table) return refused_by_kernel(std::string("table ") + bpf_map__name(wanted.place), errno);
    made.emplace_back(&wanted, std::move(table));
  }
  for (auto& [wanted, table] : made)
    if (auto done = put(*wanted, std::move(table)); !done) return done;
  return {};
}

// The update takes effect at once, and returns a grace period later: that is left to a thread.
Result<void> LateTables::put(Wanted& wanted, UniqueFd table) {
  const int place = bpf_map__fd(wanted.place);
  const auto update = [place, table = table.get()] {
    return bpf_map_update_elem(place, &kEntry, &table, BPF_ANY) ? errno : 0;
  };
  wanted.table = std::move(table);
  try {
    wanted.put = std::async(std::launch::async, update);
  } catch (const std::system_error&) {  // no thread
    wanted.put = std::async(std::launch::deferred, update);
    wanted.put.wait();
  }
  for (__u32 id = 0; bpf_map_lookup_elem(place, &kEntry, &id);) {
    if (wanted.put.wait_for(kPause) != std::future_status::ready) continue;
    const int error = wanted.put.get();
    if (!error) break;
    wanted.table.reset();
    return refused_by_kernel(std::string("table ") + bpf_map__name(wanted.place), error);
  }
  return {};
}

const LateTables::Wanted* LateTables::find(const bpf_map* place) const {
  const auto found = std::ranges::find(tables_, place, &Wanted::place);
  return found == tables_.end() ? nullptr : &*found;
}

int LateTables::fd_of(const bpf_map* place) const {
  const std::lock_guard lock(mutex_);
  const Wanted* wanted = find(place);
  return wanted ? wanted->table.get() : -1;
}

std::uint32_t LateTables::entries_of(const bpf_map* place) const {
  const Wanted* wanted = find(place);
  return wanted ? wanted->entries : 0;
}

}  // namespace weft
