// SPDX-License-Identifier: Apache-2.0
// Kernel events built by hand, for tests that need no kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "wire/events.h"

namespace weft::testing {

using Bytes = std::vector<std::byte>;

template <class Fields>
Bytes with_text(Fields fields, std::string_view text) {
  fields.text_bytes = static_cast<__u32>(text.size());
  fields.header.size = static_cast<__u32>(sizeof(fields) + text.size());
  Bytes bytes(fields.header.size);
  std::memcpy(bytes.data(), &fields, sizeof(fields));
  if (!text.empty()) std::memcpy(bytes.data() + sizeof(fields), text.data(), text.size());
  return bytes;
}

template <class Fields>
Bytes plain(Fields fields) {
  fields.header.size = sizeof(fields);
  Bytes bytes(sizeof(fields));
  std::memcpy(bytes.data(), &fields, sizeof(fields));
  return bytes;
}

inline void set_v4(__u8 (&address)[16], unsigned a, unsigned b, unsigned c, unsigned d) {
  const __u8 bytes[16] = {0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0xFF,
                          0xFF,
                          static_cast<__u8>(a),
                          static_cast<__u8>(b),
                          static_cast<__u8>(c),
                          static_cast<__u8>(d)};
  std::memcpy(address, bytes, sizeof(bytes));
}

// Trace ids are `trace` in every byte, span ids likewise; 0 = none.
inline wire_ids ids_of(unsigned trace, unsigned span, unsigned parent) {
  wire_ids ids;
  std::memset(ids.trace_id, static_cast<int>(trace), sizeof(ids.trace_id));
  std::memset(ids.span_id, static_cast<int>(span), sizeof(ids.span_id));
  std::memset(ids.parent_span_id, static_cast<int>(parent), sizeof(ids.parent_span_id));
  return ids;
}

// A sampled server request from 10.0.0.9:40000 to 10.0.0.1:8080 that started a trace.
inline request_event server_request(std::uint64_t exchange, std::uint64_t time_ns, __u32 tgid = 100) {
  request_event event{};
  event.header = {EVENT_REQUEST, 0, 0, time_ns};
  event.exchange_id = exchange;
  event.connection_id = 1000 + exchange;
  event.ids = ids_of(0xA1, static_cast<unsigned>(exchange), 0);
  event.tgid = event.tid = tgid;
  set_v4(event.local_address, 10, 0, 0, 1);
  set_v4(event.peer_address, 10, 0, 0, 9);
  event.local_port = 8080;
  event.peer_port = 40000;
  event.trace_flags = 1;
  event.role = ROLE_SERVER;
  event.protocol = PROTOCOL_HTTP1;
  event.attribution = ATTRIBUTION_ROOT;
  event.facts = REQUEST_SAMPLED;
  return event;
}

// A call to 10.0.0.2:9000 made on behalf of `parent`, with headers injected.
inline request_event client_request(std::uint64_t exchange, std::uint64_t parent, std::uint64_t time_ns,
                                    __u32 tgid = 100) {
  request_event event = server_request(exchange, time_ns, tgid);
  event.parent_exchange_id = parent;
  event.ids = ids_of(0xA1, static_cast<unsigned>(exchange), static_cast<unsigned>(parent));
  set_v4(event.peer_address, 10, 0, 0, 2);
  event.local_port = 50000;
  event.peer_port = 9000;
  event.role = ROLE_CLIENT;
  event.attribution = ATTRIBUTION_TASK;
  event.injection = INJECTION_DONE;
  return event;
}

inline response_event response_to(const request_event& request, std::uint64_t time_ns, __u16 status = 200) {
  response_event event{};
  event.header = {EVENT_RESPONSE, 0, 0, time_ns};
  event.exchange_id = request.exchange_id;
  event.connection_id = request.connection_id;
  event.first_byte_ns = status ? time_ns : 0;
  event.tgid = request.tgid;
  event.status = status;
  event.role = request.role;
  return event;
}

inline process_event process_change_of(__u32 tgid, process_change change, std::uint64_t time_ns) {
  process_event event{};
  event.header = {EVENT_PROCESS, 0, 0, time_ns};
  event.tgid = tgid;
  event.change = static_cast<__u8>(change);
  return event;
}

}  // namespace weft::testing
