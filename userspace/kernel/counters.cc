// SPDX-License-Identifier: Apache-2.0
// What the kernel programs count, summed over CPUs, and what the kernel says of the programs and maps themselves.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <vector>

#include "kernel/kernel_impl.h"
#include "kernel/names.h"

namespace weft {
namespace {

kernel_counters sum_over_cpus(const bpf_map* map) {
  kernel_counters sum{};
  static_assert(sizeof(kernel_counters) % sizeof(__u64) == 0);
  constexpr std::size_t words = sizeof(kernel_counters) / sizeof(__u64);
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return sum;
  std::vector<__u64> all(words * static_cast<std::size_t>(cpus));
  const __u32 zero = 0;
  if (bpf_map__lookup_elem(map, &zero, sizeof zero, all.data(), all.size() * sizeof(__u64), 0)) return sum;
  auto* out = reinterpret_cast<__u64*>(&sum);
  for (std::size_t i = 0; i < all.size(); ++i) out[i % words] += all[i];
  return sum;
}

std::uint64_t count_keys(int map, std::uint32_t capacity) {
  bpf_map_info info{};
  __u32 bytes = sizeof info;
  if (bpf_obj_get_info_by_fd(map, &info, &bytes)) return 0;
  std::vector<char> key(info.key_size), next(info.key_size);
  std::uint64_t n = 0;
  for (int error = bpf_map_get_next_key(map, nullptr, next.data()); !error && n <= capacity;
       error = bpf_map_get_next_key(map, key.data(), next.data()), ++n)
    key = next;
  return n;
}

// What went before anybody could say what it was is HTTP/1.1's.
void add(KernelCounters::ByProtocol& counts, unsigned protocol, const std::string& what, std::uint64_t n) {
  if (protocol == PROTOCOL_UNKNOWN) protocol = PROTOCOL_HTTP1;
  counts[{std::string(protocol_name(protocol)), what}] += n;
}

}  // namespace

KernelCounters KernelImpl::counters() {
  KernelCounters out;
  const kernel_counters sum = sum_over_cpus(skeleton_->maps.counters);
  for (const unsigned type : {EVENT_REQUEST, EVENT_RESPONSE, EVENT_PROCESS, EVENT_SOCKET, EVENT_UNSAMPLED, EVENT_KAFKA,
                              EVENT_BLOCK, EVENT_RECORD})
    out.events[std::string(event_name(type))] = sum.events[type];
  out.events_lost = sum.events_lost;
  for (unsigned result = INJECTION_DONE; result < INJECTION_COUNT; ++result) {
    const std::string name(injection_name(result));
    for (unsigned protocol = 0; protocol < PROTOCOL_COUNT; ++protocol) {
      if (protocol == PROTOCOL_HTTP1 || sum.injections[protocol][result])
        add(out.injections, protocol, name, sum.injections[protocol][result]);
      if (sum.unenforced[protocol][result]) add(out.unenforced, protocol, name, sum.unenforced[protocol][result]);
    }
  }
  for (unsigned result = INJECTION_DONE; result < INJECTION_COUNT; ++result)
    if (sum.answers[result]) out.response_headers[std::string(injection_name(result))] = sum.answers[result];
  for (unsigned program = 0; program < PROGRAM_COUNT; ++program) {
    for (unsigned reason = PARK_NOT_HTTP; reason < PARK_COUNT; ++reason)
      if (sum.parked[program][reason])
        out.errors[{std::string(program_name(program)), "parked_" + std::string(park_name(reason))}] =
            sum.parked[program][reason];
    for (unsigned fault = 0; fault < FAULT_COUNT; ++fault)
      if (sum.faults[program][fault])
        out.errors[{std::string(program_name(program)), std::string(fault_name(fault))}] = sum.faults[program][fault];
  }
  add_program_runs(out);
  add_map_fill(out);
  return out;
}

void KernelImpl::add_program_runs(KernelCounters& counters) {
  std::vector<Parts::Program> programs = parts_.loaded();
  if (late_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    std::ranges::copy(late_parts_.loaded(), std::back_inserter(programs));
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj)
      programs.push_back({bpf_program__name(program), bpf_program__fd(program)});
  for (const auto& [name, fd] : programs) {
    bpf_prog_info info{};
    __u32 bytes = sizeof info;
    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &bytes)) continue;
    counters.programs[std::string(name)] = {info.run_cnt, info.run_time_ns, info.recursion_misses, info.verified_insns};
  }
}

void KernelImpl::add_map_fill(KernelCounters& counters) {
  auto& maps = skeleton_->maps;
  std::vector<const bpf_map*> counted{maps.processes,     maps.tasks,         maps.texts_small, maps.texts_large,
                                      maps.partial_small, maps.partial_large, maps.members,     maps.streams};
  if (answers()) counted.push_back(maps.answerers);
  if (options_.capture == CaptureHook::kprobe) counted.push_back(maps.connections_by_address);
  for (const bpf_map* map : counted)
    counters.maps[bpf_map__name(map)] = {count_keys(bpf_map__fd(map), bpf_map__max_entries(map)),
                                         bpf_map__max_entries(map)};
  for (const bpf_map* place : {maps.go_stream_sends, maps.kafka_notes}) {
    const int fd = late_tables_->fd_of(place);
    const std::uint32_t capacity = fd < 0 ? 0 : late_tables_->entries_of(place);
    counters.maps[bpf_map__name(place)] = {count_keys(fd, capacity), capacity};
  }
  std::uint64_t exchanges = 0, carried = 0;
  for (const id_lane& lane : skeleton_->bss->id_lanes) {
    exchanges += lane.exchanges;
    carried += lane.carried;
  }
  counters.maps["exchanges"] = {exchanges, EXCHANGE_SLOTS};  // one processor's cannot use those of others
  counters.maps["carried"] = {carried, EXCHANGE_SLOTS};
  counters.maps["connections"] = {connections_seen_, options_.max_connections};
}

}  // namespace weft
