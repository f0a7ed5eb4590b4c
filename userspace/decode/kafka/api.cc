// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/api.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weft::kafka {
namespace {

constexpr std::int16_t unsupported_version = 35;  // error code
constexpr std::size_t most_api_versions = 1024;

struct Row {
  ApiKey key;
  VersionRange range;
};
constexpr Row known[] = {
    {ApiKey::produce, {3, 13, 9}},
    {ApiKey::fetch, {4, 18, 12}},
    {ApiKey::metadata, {0, 13, 9}},
    {ApiKey::offset_commit, {2, 10, 8}},
    {ApiKey::join_group, {0, 9, 6}},
    {ApiKey::heartbeat, {0, 4, 4}},
    {ApiKey::sync_group, {0, 5, 4}},
    {ApiKey::api_versions, {0, 4, 3}},
    {ApiKey::consumer_group_heartbeat, {0, 1, 0}},
};

}  // namespace

std::optional<VersionRange> versions_of(std::int16_t api_key) {
  const auto* row = std::find_if(std::begin(known), std::end(known),
                                 [&](const Row& row) { return static_cast<std::int16_t>(row.key) == api_key; });
  if (row == std::end(known)) return std::nullopt;
  return row->range;
}

bool is_read(ApiKey key, std::int16_t version) {
  const auto range = versions_of(static_cast<std::int16_t>(key));
  return range && range->has(version);
}

bool is_flexible(ApiKey key, std::int16_t version) {
  const auto range = versions_of(static_cast<std::int16_t>(key));
  return range && version >= range->first_flexible;
}

std::expected<RequestHeader, Fault> read_request_header(Bytes frame) {
  Reader reader(frame);
  RequestHeader header;
  header.api_key = reader.i16();
  header.api_version = reader.i16();
  header.correlation_id = reader.i32();
  const auto range = versions_of(header.api_key);
  if (reader.ok() && range && !range->has(header.api_version)) return std::unexpected(Fault::unsupported);
  header.client_id = reader.short_nullable_string();
  if (range && header.api_version >= range->first_flexible) {
    Reader rest(reader.bytes(reader.left()), true);
    rest.tags();
    header.body = rest.bytes(rest.left());
    if (!rest.ok() && reader.ok()) return std::unexpected(rest.end().error());
    return reader.end_of(header);
  }
  const Bytes body = reader.bytes(reader.left());
  if (range) header.body = body;
  return reader.end_of(header);
}

std::expected<ResponseHeader, Fault> read_response_header(Bytes frame, ApiKey key, std::int16_t version) {
  // ApiVersions: the client may not know yet what the broker understands, so its header never changes.
  Reader reader(frame, is_flexible(key, version) && key != ApiKey::api_versions);
  ResponseHeader header;
  header.correlation_id = reader.i32();
  reader.tags();
  header.body = reader.bytes(reader.left());
  return reader.end_of(header);
}

std::expected<ApiVersionsRequest, Fault> read_api_versions_request(Bytes body, std::int16_t version) {
  Reader reader(body, is_flexible(ApiKey::api_versions, version));
  ApiVersionsRequest request;
  if (version >= 3) {
    request.client_software_name = reader.string();
    request.client_software_version = reader.string();
  }
  reader.tags();
  return reader.end_of(request);
}

std::expected<ApiVersionsResponse, Fault> read_api_versions_response(Bytes body, std::int16_t version) {
  ApiVersionsResponse response;
  response.error_code = Reader(body).i16();
  if (response.error_code == unsupported_version) version = 0;
  Reader reader(body, is_flexible(ApiKey::api_versions, version));
  reader.skip(2);
  for (std::uint32_t count = reader.array(); count > 0 && reader.ok(); count--) {
    ApiVersion range{};
    range.api_key = reader.i16();
    range.lowest = reader.i16();
    range.highest = reader.i16();
    reader.tags();
    if (response.versions.size() == most_api_versions) reader.fail(Fault::too_much);
    if (reader.ok()) response.versions.push_back(range);
  }
  if (version >= 1) reader.skip(4);  // throttle time
  reader.tags();
  return reader.end_of(std::move(response));
}

}  // namespace weft::kafka
