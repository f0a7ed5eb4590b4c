// SPDX-License-Identifier: Apache-2.0
#include "assemble/alike.h"

#include <cstring>
#include <type_traits>
#include <utility>

#include "assemble/rpc.h"
#include "wire/tls.h"

namespace weft {
namespace {

// Without padding: it is compared byte by byte.
struct Fields {
  const Resource* resource;
  std::uint8_t local_address[16], peer_address[16];
  std::uint32_t facts, head_bytes, own_bytes;
  std::uint16_t local_port, peer_port, status;
  std::uint8_t role, protocol, injection, grpc_messages, reserved[2];
};
static_assert(std::has_unique_object_representations_v<Fields>);

Fields fields_of(const Exchange& exchange, const Resource* resource) {
  const request_event& request = exchange.request;
  Fields fields{};
  fields.resource = resource;
  std::memcpy(fields.local_address, request.local_address, sizeof fields.local_address);
  std::memcpy(fields.peer_address, request.peer_address, sizeof fields.peer_address);
  fields.facts = request.facts & (REQUEST_HTTP10 | REQUEST_ENCRYPTED | REQUEST_BAGGAGE_UNENFORCED);
  fields.head_bytes = static_cast<std::uint32_t>(exchange.request_head.size());
  if (exchange.is_server())
    fields.local_port = request.local_port;
  else
    fields.peer_port = request.peer_port;
  fields.status = exchange.response.status;
  fields.role = request.role;
  fields.protocol = request.protocol;
  fields.injection = request.injection;
  fields.grpc_messages = has_grpc_messages(exchange);
  return fields;
}

}  // namespace

const AlikeRequests::Common* AlikeRequests::find(const Exchange& exchange,
                                                 const std::shared_ptr<const Resource>& resource, bool own_counts) {
  Fields fields = fields_of(exchange, resource.get());
  if (own_counts) fields.own_bytes = static_cast<std::uint32_t>(exchange.request_own.size());
  key_.assign(reinterpret_cast<const char*>(&fields), sizeof fields);
  key_.append(exchange.request_head);
  if (own_counts) key_.append(exchange.request_own);
  key_.append(exchange.response_head);
  const auto known = known_.find(std::string_view(key_));
  return known == known_.end() ? nullptr : &known->second;
}

bool AlikeRequests::comes_again() {
  const std::size_t hash = TextHash{}(key_);
  Seen& seen = seen_[hash % seen_.size()];
  const auto mark = static_cast<std::uint32_t>(hash >> 32);
  if (seen.mark != mark) seen = {.mark = mark};
  return ++seen.times >= kTimes;
}

void AlikeRequests::clear() {
  known_.clear();
  bytes_ = 0;
}

void AlikeRequests::keep(Common common) {
  const std::size_t bytes = sizeof(Common) + key_.size() + common.name.size() +
                            common.attributes->items.size() * sizeof(Attribute) + common.attributes->text_bytes;
  if (known_.size() >= kMost || bytes_ + bytes > kMost_bytes) clear();
  bytes_ += bytes;
  known_.emplace(key_, std::move(common));
}

}  // namespace weft
