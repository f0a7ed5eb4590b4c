// SPDX-License-Identifier: Apache-2.0
#include "cli/remedies.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/format.h"

namespace weft::cli {
namespace {

struct Cure {
  const char* reason;
  const char* protocol;  // of the process; null: any
  const char* change;
};

constexpr Cure kCures[] = {
    {"compressed", "kafka", "producer: compression.type=none (compressed records cannot be given headers)"},
    {"old_format", "kafka",
     "producer: let the client ask for the broker's versions (librdkafka: api.version.request=true), or update it"},
    {"not_whole", "kafka", "producer: smaller requests (batch.size, linger.ms), or a larger socket.send.buffer.bytes"},
    {"too_large", "kafka", "Kafka producer: requests below 512 KB and 64 partitions (batch.size, batch.num.messages)"},
    {"topic", "kafka", "weft.yaml: kafka.topics (it leaves out what this process sends to)"},
    {"refused", "kafka",
     "broker: a larger message.max.bytes; or producer: a smaller batch.size, which leaves room for the headers"},
    {"zerocopy", nullptr, "send without MSG_ZEROCOPY"},
    {"orphans_off", nullptr, "weft.yaml: propagation.orphans: root"},
};

bool speaks(const Json& row, const char* protocol) {
  const Json& spoken = member(row, "protocols");
  return !protocol || std::ranges::find(spoken, Json(protocol)) != spoken.end();
}

}  // namespace

std::vector<Remedy> remedies(const Json& processes) {
  std::vector<Remedy> found;
  for (const auto& row : member(processes, "processes")) {
    const Json& missing = member(member(row, "calls"), "without_parent");
    for (const Cure& cure : kCures) {
      const auto calls = count_of(missing, cure.reason);
      if (calls && speaks(row, cure.protocol))
        found.push_back({count_of(row, "pid"), text_of(row, "service"), calls, cure.reason, cure.change});
    }
  }
  return found;
}

std::string remedies_text(const std::vector<Remedy>& remedies, const Screen& screen) {
  if (remedies.empty()) return "";
  Table table({{"PID", true}, {"SERVICE", false, true}, {"NO PARENT"}, {"TO GET MORE"}});
  for (const Remedy& remedy : remedies)
    table.row(
        {std::to_string(remedy.pid), remedy.service, fmt::format("{} {}", remedy.calls, remedy.reason), remedy.change});
  return "\n" + table.text(screen);
}

Json remedies_json(const std::vector<Remedy>& remedies) {
  Json rows = Json::array();
  for (const Remedy& remedy : remedies)
    rows.push_back({{"pid", remedy.pid},
                    {"service", remedy.service},
                    {"calls", remedy.calls},
                    {"reason", remedy.reason},
                    {"change", remedy.change}});
  return rows;
}

}  // namespace weft::cli
