// SPDX-License-Identifier: Apache-2.0
// Which consumer group, and which member of it, a client is: every request that says so.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "decode/kafka/reader.h"

namespace weft::kafka {

struct GroupMember {
  std::string_view group_id;
  std::string_view member_id;  // empty in the first JoinGroup
  std::optional<std::string_view> instance_id;
};

// OffsetCommit, JoinGroup, SyncGroup, Heartbeat, ConsumerGroupHeartbeat; `unsupported` for any other key. Texts point
// into `body`. What stands before a fault has been read: of a request that is cut, mostly all that is wanted.
std::expected<void, Fault> read_group_request(std::int16_t api_key, Bytes body, std::int16_t version, GroupMember& out);

}  // namespace weft::kafka
