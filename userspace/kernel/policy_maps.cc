// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <system_error>

#include "base/address.h"
#include "kernel/kernel_impl.h"
#include "kernel/names.h"
#include "kernel/policy_maps_impl.h"
#include "wire/policy_lexer.h"
#include "wire/settings.h"

namespace weft {
namespace {

bool needs_every_request(const PolicyImage& image) {
  return std::any_of(image.sets.begin(), image.sets.end(),
                     [](const auto& set) { return (set->flags & POLICY_ALWAYS) != 0; });
}

std::uint32_t lanes() { return static_cast<std::uint32_t>(std::clamp(libbpf_num_possible_cpus(), 1, 16)); }

std::string endpoint(const unsigned char (&address)[16], unsigned port) {
  const std::string text = address_text(address);
  return text.find(':') == std::string::npos ? fmt::format("{}:{}", text, port) : fmt::format("[{}]:{}", text, port);
}

UnenforcedConnection unenforced_of(std::uint64_t id, const unenforced_connection& row) {
  UnenforcedConnection out{.connection_id = id,
                           .pid = row.tgid,
                           .protocol = std::string(protocol_name(row.protocol)),
                           .local = endpoint(row.local_address, row.local_port),
                           .peer = endpoint(row.peer_address, row.peer_port),
                           .last_ns = row.last_ns,
                           .reasons = {}};
  for (unsigned reason = 0; reason < INJECTION_COUNT; ++reason)
    if (row.times[reason]) out.reasons[std::string(injection_name(reason))] = row.times[reason];
  return out;
}

// Where the agent and the programs agree to meet: a plain store that other CPUs see before the next system call.
void set_flag(std::uint32_t* flag, bool on) { __atomic_store_n(flag, on ? 1u : 0u, __ATOMIC_SEQ_CST); }

}  // namespace

Result<void> PolicyMapsImpl::publish(const PolicyImage& image) {
  const std::lock_guard lock(mutex_);
  auto before = replace(live_, image, POLICY_LIVE);
  if (!before) return std::unexpected(before.error());
  if (!*before) return {};
  (*before)->image.sets.clear();
  (*before)->image.service = nullptr;
  retired_.push_front(std::move(*before));
  return {};
}

Result<void> PolicyMapsImpl::publish_shadow(const PolicyImage& image) {
  const std::lock_guard lock(mutex_);
  auto before = replace(shadow_, image, POLICY_SHADOW);
  if (!before) return std::unexpected(before.error());
  if (*before) (*before)->unused.wait();
  if (*before) drop_counters((*before)->slot);
  return {};
}

void PolicyMapsImpl::end_shadow() {
  const std::lock_guard lock(mutex_);
  if (!shadow_) return;
  const __u32 number = POLICY_SHADOW;
  bpf_map_delete_elem(maps_.generations, &number);
  drop_counters(shadow_->slot);
  shadow_.reset();
  set_always();
}

Result<void> PolicyMapsImpl::publish_open() {
  const std::shared_ptr<policy_set> set(static_cast<policy_set*>(std::calloc(1, sizeof(policy_set))), std::free);
  if (!set) return fail("no memory for the baggage policy's tables");
  policy_set_open(set.get());
  if (auto uncounted = make_counters(POLICY_NO_SLOT, lanes()); !uncounted) return uncounted;
  return publish({.sets = {set}, .service = {}});
}

// Puts one in the place of another, which is returned.
Result<std::unique_ptr<PolicyMapsImpl::Generation>> PolicyMapsImpl::replace(std::unique_ptr<Generation>& current,
                                                                            const PolicyImage& image,
                                                                            std::uint32_t number) {
  make_room();
  auto made = make(image, number == POLICY_SHADOW);
  if (!made) return std::unexpected(made.error());
  if (needs_every_request(image)) set_flag(maps_.always, true);
  auto unused = put(number, (*made)->sets, current ? current->sets : nullptr);
  if (!unused) {
    set_always();
    return fail(fmt::format("baggage policy: the kernel refused the tables: {}", errno_text(unused.error())));
  }
  std::swap(current, *made);
  set_always();
  if (*made) {
    (*made)->unused = std::move(*unused);
    (*made)->sets.reset();
  } else {
    unused->wait();
  }
  return std::move(*made);
}

/*
 * The kernel's update takes effect at once, and returns when no program runs any more that could have found the set
 * before (a map of maps is updated with a grace period: milliseconds). Only the tables of that set have to wait for
 * this, whose descriptor is held until then: Linux before 6.8 would free them too early.
 */
std::expected<std::future<void>, int> PolicyMapsImpl::put(std::uint32_t number, std::shared_ptr<UniqueFd> sets,
                                                          std::shared_ptr<UniqueFd> before) {
  bpf_map_info made{};
  __u32 bytes = sizeof made;
  if (bpf_obj_get_info_by_fd(sets->get(), &made, &bytes)) return std::unexpected(errno);
  const auto error = std::make_shared<std::atomic<int>>(0);
  const auto update = [generations = maps_.generations, number, sets, before, error]() mutable {
    const int fd = sets->get();
    if (bpf_map_update_elem(generations, &number, &fd, BPF_ANY)) *error = errno;
    sets.reset();
    before.reset();
  };
  std::future<void> done;
  try {
    done = std::async(std::launch::async, update);
  } catch (const std::system_error&) {  // no thread: then it is waited for here
    done = std::async(std::launch::deferred, update);
    done.wait();
  }
  for (;;) {
    const bool returned = done.wait_for(std::chrono::microseconds(100)) == std::future_status::ready;
    __u32 id = 0;
    if (*error) return std::unexpected(error->load());
    if (returned || (bpf_map_lookup_elem(maps_.generations, &number, &id) == 0 && id == made.id)) return done;
  }
}

// A slot for the next one: the oldest of those that were replaced gives its own, when no program counts there any more.
void PolicyMapsImpl::make_room() {
  while (slots_taken()) {
    retired_.back()->unused.wait();
    retired_.pop_back();
  }
}

void PolicyMapsImpl::set_always() {
  set_flag(maps_.always,
           (live_ && needs_every_request(live_->image)) || (shadow_ && needs_every_request(shadow_->image)));
}

std::uint32_t PolicyMapsImpl::free_slot() const {
  const auto taken = [this](std::uint32_t slot) {
    const auto is = [slot](const auto& generation) { return generation && generation->slot == slot; };
    return is(live_) || is(shadow_) || std::ranges::any_of(retired_, is);
  };
  for (std::uint32_t slot = 0; slot < POLICY_SLOTS; ++slot)
    if (!taken(slot)) return slot;
  return 0;  // cannot be: make_room() was called
}

Result<std::unique_ptr<PolicyMapsImpl::Generation>> PolicyMapsImpl::make(const PolicyImage& image, bool shadow) {
  const auto refused = [](const char* what) {
    return fail(fmt::format("baggage policy: {}: {}", what, errno_text(errno)));
  };
  auto made = std::make_unique<Generation>();
  made->image = image;
  made->slot = free_slot();
  made->shadow = shadow;
  const auto sets = static_cast<__u32>(image.sets.size());
  LIBBPF_OPTS(bpf_map_create_opts, flags, .map_flags = BPF_F_INNER_MAP);
  made->set_count = sets;
  made->sets = std::make_shared<UniqueFd>(
      bpf_map_create(BPF_MAP_TYPE_ARRAY, "policy_sets", sizeof(__u32), sizeof(policy_set), sets, &flags));
  if (!*made->sets) return refused("no room for its tables");
  if (auto counters = make_counters(made->slot, (shadow ? 2 * sets : sets) * lanes()); !counters)
    return std::unexpected(counters.error());
  if (auto written = write_services(*made); !written) return std::unexpected(written.error());
  auto copy = std::make_unique<policy_set>();
  for (__u32 n = 0; n < sets; ++n) {
    std::memcpy(copy.get(), image.sets[n].get(), sizeof(policy_set));
    copy->slot = made->slot;
    copy->sets = sets;
    copy->lanes = lanes();
    if (bpf_map_update_elem(made->sets->get(), &n, copy.get(), BPF_ANY)) return refused("its tables");
  }
  return made;
}

// REQUIRES: no program counts there any more.
Result<void> PolicyMapsImpl::make_counters(std::uint32_t slot, std::uint32_t entries) {
  Counters& counters = counters_[slot];
  if (counters.entries == entries && clear_counters(counters)) return {};
  LIBBPF_OPTS(bpf_map_create_opts, flags, .map_flags = BPF_F_INNER_MAP);
  UniqueFd made(
      bpf_map_create(BPF_MAP_TYPE_ARRAY, "policy_counts", sizeof(__u32), sizeof(policy_counters), entries, &flags));
  const int map = made.get();
  if (!made || bpf_map_update_elem(maps_.counts, &slot, &map, BPF_ANY))
    return fail(fmt::format("baggage policy: its counters: {}", errno_text(errno)));
  counters = {std::move(made), entries};
  return {};
}

bool PolicyMapsImpl::clear_counters(const Counters& counters) {
  const policy_counters none{};
  for (__u32 entry = 0; entry < counters.entries; ++entry)
    if (bpf_map_update_elem(counters.map.get(), &entry, &none, BPF_ANY)) return false;
  return true;
}

bool PolicyMapsImpl::write_service(const Generation& generation, std::uint32_t number, const PolicyIdentity& identity) {
  policy_service row{};
  if (generation.image.service) row = generation.image.service(identity);
  const __u32 key = generation.slot * POLICY_SERVICES + number;
  return bpf_map_update_elem(maps_.services, &key, &row, BPF_ANY) == 0;
}

Result<void> PolicyMapsImpl::write_services(const Generation& generation) {
  bool all = write_service(generation, 0, {});
  for (const auto& [identity, number] : services_) all = write_service(generation, number, identity) && all;
  if (!all) return fail(fmt::format("baggage policy: its services: {}", errno_text(errno)));
  return {};
}

std::uint32_t PolicyMapsImpl::service_number(const PolicyIdentity& identity) {
  const std::lock_guard lock(mutex_);
  if (const auto known = services_.find(identity); known != services_.end()) return known->second;
  const auto number = static_cast<std::uint32_t>(services_.size()) + 1;
  if (number >= POLICY_SERVICES) {
    spdlog::warn("baggage policy: more than {} services on this node: '{}' is treated as one without a name",
                 POLICY_SERVICES - 1, identity.service);
    return 0;
  }
  for (const auto* generation : {&live_, &shadow_})
    if (*generation) write_service(**generation, number, identity);
  services_.emplace(identity, number);
  return number;
}

// Those of a trial are of another size than what comes next.
void PolicyMapsImpl::drop_counters(std::uint32_t slot) {
  bpf_map_delete_elem(maps_.counts, &slot);
  counters_[slot] = {};
}

PolicyCounts PolicyMapsImpl::read(const Generation& generation) const {
  static_assert(sizeof(policy_counters) % sizeof(__u64) == 0);
  constexpr std::size_t words = sizeof(policy_counters) / sizeof(__u64);
  PolicyCounts counts{.generation = generation.image.generation, .sets = {}, .differences = {}};
  const std::size_t sets = generation.set_count;
  for (__u32 n = 0; n < (generation.shadow ? 2 * sets : sets); ++n) {
    policy_counters sum{};
    for (__u32 entry = n * lanes(); entry < (n + 1) * lanes(); ++entry) {
      policy_counters lane{};
      if (bpf_map_lookup_elem(counters_[generation.slot].map.get(), &entry, &lane)) continue;
      const auto* from = reinterpret_cast<const __u64*>(&lane);
      auto* to = reinterpret_cast<__u64*>(&sum);
      for (std::size_t i = 0; i < words; ++i) to[i] += from[i];
    }
    (n < sets ? counts.sets : counts.differences).push_back(sum);
  }
  return counts;
}

std::vector<PolicyCounts> PolicyMapsImpl::counts() {
  const std::lock_guard lock(mutex_);
  std::vector<PolicyCounts> all;
  if (slots_taken() && !retired_.empty()) retired_.back()->unused.wait();  // its last numbers: the next one drops it
  if (live_) all.push_back(read(*live_));
  for (const auto& generation : retired_) all.push_back(read(*generation));
  return all;
}

std::optional<PolicyCounts> PolicyMapsImpl::shadow_counts() {
  const std::lock_guard lock(mutex_);
  if (!shadow_) return std::nullopt;
  return read(*shadow_);
}

std::vector<UnenforcedConnection> PolicyMapsImpl::unenforced() {
  std::vector<UnenforcedConnection> all;
  __u64 id = 0;
  bool more = bpf_map_get_next_key(maps_.unenforced, nullptr, &id) == 0;
  for (unsigned n = 0; more && n < UNENFORCED_CONNECTIONS; ++n) {
    unenforced_connection row{};
    if (bpf_map_lookup_elem(maps_.unenforced, &id, &row) == 0) all.push_back(unenforced_of(id, row));
    const __u64 before = id;
    more = bpf_map_get_next_key(maps_.unenforced, &before, &id) == 0;
  }
  std::ranges::sort(all, std::greater<>(), &UnenforcedConnection::last_ns);
  return all;
}

}  // namespace weft
