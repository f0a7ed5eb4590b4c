// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "decode/events.h"
#include "support/wire_events.h"

using namespace weft;
using namespace weft::testing;

namespace {

// Changes one 32-bit field of a record.
Bytes with_u32(Bytes bytes, std::size_t offset, __u32 value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
  return bytes;
}
Bytes with_u8(Bytes bytes, std::size_t offset, unsigned value) {
  bytes[offset] = static_cast<std::byte>(value);
  return bytes;
}
Refusal refusal_of(std::span<const std::byte> bytes) {
  const auto event = decode_event(bytes);
  REQUIRE_FALSE(event);
  return event.error();
}

const std::string_view head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

TEST_CASE("events: each type comes out as what went in") {
  const Bytes request = with_text(server_request(7, 1000), head);
  const auto event = decode_event(request);
  REQUIRE(event);
  const auto& typed = std::get<RequestEvent>(*event);
  CHECK(typed.fields.exchange_id == 7);
  CHECK(typed.head == head);

  const auto response = decode_event(with_text(response_to(server_request(7, 1), 2, 404), ""));
  REQUIRE(response);
  CHECK(std::get<ResponseEvent>(*response).fields.status == 404);

  const auto process = decode_event(plain(process_change_of(5, PROCESS_EXIT, 9)));
  REQUIRE(process);
  CHECK(std::get<ProcessEvent>(*process).fields.tgid == 5);

  socket_event socket{};
  socket.header.type = EVENT_SOCKET;
  socket.connection_id = 77;
  socket.request = SOCKET_ENROL;
  const auto decoded = decode_event(plain(socket));
  REQUIRE(decoded);
  CHECK(std::get<SocketEvent>(*decoded).fields.connection_id == 77);
}

TEST_CASE("events: baggage stands behind the head; half a member at its end goes") {
  Bytes bytes = with_text(server_request(7, 1000), std::string(head) + "a=1,b=2");
  request_event fields;
  std::memcpy(&fields, bytes.data(), sizeof fields);
  fields.text_bytes = static_cast<__u32>(head.size());
  fields.baggage_bytes = 7;
  std::memcpy(bytes.data(), &fields, sizeof fields);
  const auto event = decode_event(bytes);
  REQUIRE(event);
  CHECK(std::get<RequestEvent>(*event).head == head);
  CHECK(std::get<RequestEvent>(*event).baggage == "a=1,b=2");
  fields.baggage_bytes = 8;
  std::memcpy(bytes.data(), &fields, sizeof fields);
  CHECK(refusal_of(bytes) == Refusal::bad_text);

  const std::string full = "a=1," + std::string(EVENT_BAGGAGE_MAX - 4, 'b');
  bytes = with_text(server_request(7, 1000), std::string(head) + full);
  std::memcpy(&fields, bytes.data(), sizeof fields);
  fields.text_bytes = static_cast<__u32>(head.size());
  fields.baggage_bytes = EVENT_BAGGAGE_MAX;
  std::memcpy(bytes.data(), &fields, sizeof fields);
  const auto cut = decode_event(bytes);
  REQUIRE(cut);
  CHECK(std::get<RequestEvent>(*cut).baggage == "a=1,");
}

TEST_CASE("events: what lies behind header.size in a size class is not looked at") {
  Bytes bytes = with_text(server_request(7, 1000), head);
  bytes.resize(bytes.size() + 200, std::byte{'x'});
  const auto event = decode_event(bytes);
  REQUIRE(event);
  CHECK(std::get<RequestEvent>(*event).head == head);
}

TEST_CASE("events: every length that cannot be is refused") {
  const Bytes good = with_text(server_request(7, 1000), head);
  for (std::size_t length = 0; length < good.size(); length++) {
    const std::vector<std::byte> exact(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK_FALSE(decode_event(exact));
  }
  const std::size_t size_at = offsetof(event_header, size), text_at = offsetof(request_event, text_bytes);
  CHECK(refusal_of({}) == Refusal::too_short);
  CHECK(refusal_of(with_u32(good, size_at, 0)) == Refusal::bad_size);
  CHECK(refusal_of(with_u32(good, size_at, 15)) == Refusal::bad_size);
  CHECK(refusal_of(with_u32(good, size_at, 0xFFFFFFFF)) == Refusal::bad_size);
  CHECK(refusal_of(with_u32(good, size_at, 100)) == Refusal::too_short);
  CHECK(refusal_of(with_u32(good, text_at, 0xFFFFFFFF)) == Refusal::bad_text);
  CHECK(refusal_of(with_u32(good, text_at, static_cast<__u32>(head.size()) + 1)) == Refusal::bad_text);
  // Text within the record but behind header.size is not the event's.
  Bytes padded = with_u32(good, text_at, static_cast<__u32>(head.size()) + 1);
  padded.push_back(std::byte{0});
  CHECK(refusal_of(padded) == Refusal::bad_text);
}

TEST_CASE("events: fields out of range are refused") {
  const Bytes good = with_text(server_request(7, 1000), head);
  CHECK(refusal_of(with_u8(good, offsetof(event_header, type), 99)) == Refusal::unknown_type);
  for (const unsigned role : {0u, 3u, 255u})
    CHECK(refusal_of(with_u8(good, offsetof(request_event, role), role)) == Refusal::bad_field);
  CHECK(refusal_of(with_u8(good, offsetof(request_event, protocol), 0)) == Refusal::bad_field);
  CHECK(refusal_of(with_u8(good, offsetof(request_event, attribution), 6)) == Refusal::bad_field);
  CHECK(refusal_of(with_u8(good, offsetof(request_event, injection), INJECTION_COUNT)) == Refusal::bad_field);
  CHECK(refusal_of(with_text(server_request(0, 1000), head)) == Refusal::bad_field);
  const Bytes response = with_text(response_to(server_request(7, 1), 2), "");
  CHECK(refusal_of(with_u8(response, offsetof(response_event, end), END_RESET + 1)) == Refusal::bad_field);
  for (const int change : {0, PROCESS_TAKES_SPANS + 1})
    CHECK(refusal_of(plain(process_change_of(5, static_cast<process_change>(change), 9))) == Refusal::bad_field);
  CHECK(decode_event(plain(process_change_of(5, PROCESS_TAKES_SPANS, 9))).has_value());
}
