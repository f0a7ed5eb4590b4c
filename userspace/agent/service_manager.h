// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace weft {

// sd_notify(3) without the library: "READY=1", "STOPPING=1" … Does nothing outside systemd.
void notify_service_manager(std::string_view state);

// Tells the service manager that the event loop turns, as often as WatchdogSec= of the unit asks for; nothing where the
// unit has none, as the one that is installed.
class Watchdog {
 public:
  Watchdog();  // what the environment says
  void turned(std::uint64_t now_ns);

 private:
  std::uint64_t pause_ns_ = 0;  // 0: nobody waits for it
  std::uint64_t next_ns_ = 0;   // monotonic
};

}  // namespace weft
