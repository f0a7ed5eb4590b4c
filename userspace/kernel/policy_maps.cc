// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "kernel/kernel_impl.h"
#include "kernel/policy_maps_impl.h"
#include "wire/policy_lexer.h"

namespace weft {
namespace {

bool needs_every_request(const PolicyImage& image) {
  return std::any_of(image.sets.begin(), image.sets.end(),
                     [](const auto& set) { return (set->flags & POLICY_ALWAYS) != 0; });
}

std::uint32_t lanes() { return static_cast<std::uint32_t>(std::clamp(libbpf_num_possible_cpus(), 1, 16)); }

// Where the agent and the programs agree to meet: a plain store that other CPUs see before the next system call.
void set_flag(std::uint32_t* flag, bool on) { __atomic_store_n(flag, on ? 1u : 0u, __ATOMIC_SEQ_CST); }

}  // namespace

Result<void> PolicyMapsImpl::publish(const PolicyImage& image) {
  const std::lock_guard lock(mutex_);
  return replace(live_, image, POLICY_LIVE);
}

Result<void> PolicyMapsImpl::publish_shadow(const PolicyImage& image) {
  const std::lock_guard lock(mutex_);
  return replace(shadow_, image, POLICY_SHADOW);
}

void PolicyMapsImpl::end_shadow() {
  const std::lock_guard lock(mutex_);
  if (!shadow_) return;
  const __u32 number = POLICY_SHADOW;
  bpf_map_delete_elem(maps_.generations, &number);
  drop(shadow_);
  set_always();
}

Result<void> PolicyMapsImpl::publish_open() {
  const std::shared_ptr<policy_set> set(static_cast<policy_set*>(std::calloc(1, sizeof(policy_set))), std::free);
  if (!set) return fail("no memory for the baggage policy's tables");
  policy_set_open(set.get());
  return publish({.sets = {set}, .service = {}});
}

// The kernel returns from the update when no program runs any more that could have found the set before (a map of maps
// is updated with a grace period), so its descriptors may be closed then. Linux before 6.8 would free it too early if
// they were not held until here.
Result<void> PolicyMapsImpl::replace(std::unique_ptr<Generation>& current, const PolicyImage& image,
                                     std::uint32_t number) {
  if (number == POLICY_LIVE) drop(previous_);
  auto made = make(image, number == POLICY_SHADOW);
  if (!made) return std::unexpected(made.error());
  if (needs_every_request(image)) set_flag(maps_.always, true);
  const int fd = (*made)->sets.get();
  if (bpf_map_update_elem(maps_.generations, &number, &fd, BPF_ANY)) {
    const std::string reason = errno_text(errno);
    drop(*made);
    set_always();
    return fail(fmt::format("baggage policy: the kernel refused the tables: {}", reason));
  }
  if (number == POLICY_LIVE) {
    previous_ = std::move(current);
    if (previous_) previous_->sets = UniqueFd();
  } else {
    drop(current);
  }
  current = std::move(*made);
  set_always();
  return {};
}

void PolicyMapsImpl::set_always() {
  set_flag(maps_.always,
           (live_ && needs_every_request(live_->image)) || (shadow_ && needs_every_request(shadow_->image)));
}

std::uint32_t PolicyMapsImpl::free_slot() const {
  for (std::uint32_t slot = 0; slot < POLICY_SLOTS; ++slot)
    if ((!live_ || live_->slot != slot) && (!previous_ || previous_->slot != slot) &&
        (!shadow_ || shadow_->slot != slot))
      return slot;
  return 0;  // cannot be: three are in use at most
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
  made->sets =
      UniqueFd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "policy_sets", sizeof(__u32), sizeof(policy_set), sets, &flags));
  if (!made->sets) return refused("no room for its tables");
  if (auto counters = make_counters(made->slot, (shadow ? 2 * sets : sets) * lanes()); !counters)
    return std::unexpected(counters.error());
  if (auto written = write_services(*made); !written) return std::unexpected(written.error());
  auto copy = std::make_unique<policy_set>();
  for (__u32 n = 0; n < sets; ++n) {
    std::memcpy(copy.get(), image.sets[n].get(), sizeof(policy_set));
    copy->slot = made->slot;
    copy->sets = sets;
    copy->lanes = lanes();
    if (bpf_map_update_elem(made->sets.get(), &n, copy.get(), BPF_ANY)) return refused("its tables");
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

void PolicyMapsImpl::drop(std::unique_ptr<Generation>& generation) {
  if (generation && generation->shadow) {  // the next one is of the live kind, or a while away
    bpf_map_delete_elem(maps_.counts, &generation->slot);
    counters_[generation->slot] = {};
  }
  generation.reset();
}

PolicyCounts PolicyMapsImpl::read(const Generation& generation) const {
  static_assert(sizeof(policy_counters) % sizeof(__u64) == 0);
  constexpr std::size_t words = sizeof(policy_counters) / sizeof(__u64);
  PolicyCounts counts{.generation = generation.image.generation, .sets = {}, .differences = {}};
  const std::size_t sets = generation.image.sets.size();
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
  for (const auto* generation : {&live_, &previous_})
    if (*generation) all.push_back(read(**generation));
  return all;
}

std::optional<PolicyCounts> PolicyMapsImpl::shadow_counts() {
  const std::lock_guard lock(mutex_);
  if (!shadow_) return std::nullopt;
  return read(*shadow_);
}

}  // namespace weft
