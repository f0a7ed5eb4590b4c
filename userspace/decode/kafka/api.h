// SPDX-License-Identifier: Apache-2.0
// Which requests of Kafka are known here, in which versions, and what stands in front of their bodies.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "decode/kafka/reader.h"

namespace weft::kafka {

enum class ApiKey : std::int16_t {
  produce = 0,
  fetch = 1,
  metadata = 3,
  offset_commit = 8,
  join_group = 11,
  heartbeat = 12,
  sync_group = 14,
  api_versions = 18,
  consumer_group_heartbeat = 68,
};

struct VersionRange {
  std::int16_t lowest, highest;
  std::int16_t first_flexible;
  bool has(std::int16_t version) const { return version >= lowest && version <= highest; }
};
std::optional<VersionRange> versions_of(std::int16_t api_key);  // nullopt: not read here
bool is_read(ApiKey key, std::int16_t version);
bool is_flexible(ApiKey key, std::int16_t version);

// What stands behind the frame's length. Texts point into the frame.
struct RequestHeader {
  std::int16_t api_key = 0;
  std::int16_t api_version = 0;
  std::int32_t correlation_id = 0;
  std::optional<std::string_view> client_id;
  Bytes body;
};
// Of keys that are not known here the body is empty: where it begins depends on the key. `unsupported`: a known key in
// an unknown version.
std::expected<RequestHeader, Fault> read_request_header(Bytes frame);

struct ResponseHeader {
  std::int32_t correlation_id = 0;
  Bytes body;
};
std::expected<ResponseHeader, Fault> read_response_header(Bytes frame, ApiKey key, std::int16_t version);

struct ApiVersionsRequest {
  std::string_view client_software_name, client_software_version;  // version 3 and later
};
std::expected<ApiVersionsRequest, Fault> read_api_versions_request(Bytes body, std::int16_t version);

struct ApiVersion {
  std::int16_t api_key, lowest, highest;
};
struct ApiVersionsResponse {
  std::int16_t error_code = 0;
  std::vector<ApiVersion> versions;
};
// A broker that does not know the request's version (error 35) answers in version 0.
std::expected<ApiVersionsResponse, Fault> read_api_versions_response(Bytes body, std::int16_t version);

}  // namespace weft::kafka
