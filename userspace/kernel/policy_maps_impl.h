// SPDX-License-Identifier: Apache-2.0
// Private to kernel/.
#pragma once

#include <array>
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
    int generations, counts, services;
    std::uint32_t* always;
  };
  explicit PolicyMapsImpl(const Maps& maps) : maps_(maps) {}

  Result<void> publish(const PolicyImage& image) override;
  Result<void> publish_shadow(const PolicyImage& image) override;
  void end_shadow() override;
  std::vector<PolicyCounts> counts() override;
  std::optional<PolicyCounts> shadow_counts() override;

  // Its number for process_entry.policy_service: known to every live set when this returns. 0: there are too many.
  std::uint32_t service_number(const PolicyIdentity& identity);
  Result<void> publish_open();  // everything passes, within the limits of W3C

 private:
  struct Generation {
    PolicyImage image;
    std::uint32_t slot = 0;
    bool shadow = false;
    UniqueFd sets;
  };
  // A slot's, in the kernel's map of them. They stay when the slot is free: to put others there costs a grace period.
  struct Counters {
    UniqueFd map;
    std::uint32_t entries = 0;
  };
  // All of these REQUIRE mutex_.
  Result<void> replace(std::unique_ptr<Generation>& current, const PolicyImage& image, std::uint32_t number);
  Result<std::unique_ptr<Generation>> make(const PolicyImage& image, bool shadow);
  Result<void> make_counters(std::uint32_t slot, std::uint32_t entries);
  bool clear_counters(const Counters& counters);
  std::uint32_t free_slot() const;
  Result<void> write_services(const Generation& generation);
  bool write_service(const Generation& generation, std::uint32_t number, const PolicyIdentity& identity);
  void drop(std::unique_ptr<Generation>& generation);
  void set_always();
  PolicyCounts read(const Generation& generation) const;

  const Maps maps_;
  std::mutex mutex_;
  std::unique_ptr<Generation> live_, previous_, shadow_;
  std::array<Counters, POLICY_SLOTS> counters_;
  std::map<PolicyIdentity, std::uint32_t> services_;
};

}  // namespace weft
