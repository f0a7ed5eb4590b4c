// SPDX-License-Identifier: Apache-2.0
// Private to kernel/.
#pragma once

#include <array>
#include <deque>
#include <future>
#include <map>
#include <mutex>

#include "kernel/policy_maps.h"
#include "kernel/unique_fd.h"

struct bpf_map;

namespace weft {

class PolicyMapsImpl final : public PolicyMaps {
 public:
  // File descriptors of the maps of maps/policy.h, and the flag beside them. They outlive the object.
  struct Maps {
    int generations, counts, services, unenforced;
    std::uint32_t* always;
  };
  explicit PolicyMapsImpl(const Maps& maps) : maps_(maps) {}

  Result<void> publish(const PolicyImage& image) override;
  Result<void> publish_shadow(const PolicyImage& image) override;
  void end_shadow() override;
  std::vector<PolicyCounts> counts() override;
  std::optional<PolicyCounts> shadow_counts() override;
  std::vector<UnenforcedConnection> unenforced() override;

  // Its number for process_entry.policy_service: known to every live set when this returns. 0: there are too many.
  std::uint32_t service_number(const PolicyIdentity& identity);
  Result<void> publish_open();  // everything passes, within the limits of W3C

 private:
  struct Generation {
    PolicyImage image;
    std::uint32_t slot = 0;
    bool shadow = false;
    std::shared_ptr<UniqueFd> sets;
    std::size_t set_count = 0;
    std::future<void> unused;  // of one that was replaced: ready when no program runs any more that found it
  };
  // A slot's, in the kernel's map of them. They stay when the slot is free: to put others there costs a grace period.
  struct Counters {
    UniqueFd map;
    std::uint32_t entries = 0;
  };
  // All of these REQUIRE mutex_.
  Result<std::unique_ptr<Generation>> replace(std::unique_ptr<Generation>& current, const PolicyImage& image,
                                              std::uint32_t number);
  // In force on return; the future is for the one before. Errors are numbers of errno.
  std::expected<std::future<void>, int> put(std::uint32_t number, std::shared_ptr<UniqueFd> sets,
                                            std::shared_ptr<UniqueFd> before);
  void make_room();
  Result<std::unique_ptr<Generation>> make(const PolicyImage& image, bool shadow);
  Result<void> make_counters(std::uint32_t slot, std::uint32_t entries);
  bool clear_counters(const Counters& counters);
  std::uint32_t free_slot() const;
  Result<void> write_services(const Generation& generation);
  bool write_service(const Generation& generation, std::uint32_t number, const PolicyIdentity& identity);
  bool slots_taken() const { return retired_.size() + (live_ ? 1 : 0) + (shadow_ ? 1 : 0) >= POLICY_SLOTS; }
  void drop_counters(std::uint32_t slot);
  void set_always();
  PolicyCounts read(const Generation& generation) const;

  const Maps maps_;
  std::mutex mutex_;
  std::unique_ptr<Generation> live_, shadow_;
  std::deque<std::unique_ptr<Generation>> retired_;  // newest first
  std::array<Counters, POLICY_SLOTS + 1> counters_;
  std::map<PolicyIdentity, std::uint32_t> services_;
};

}  // namespace weft
