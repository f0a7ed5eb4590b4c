// SPDX-License-Identifier: Apache-2.0
// A Kafka client's connection as the kernel reports it: frames in pieces, and the events of what it produces.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "decode/kafka/produce_text.h"
#include "support/kafka_messages/encode.h"
#include "wire/events.h"

namespace weft::test::kafka {

using EventRecord = std::vector<std::byte>;

template <class T>
EventRecord event_record(T fields, const std::string& text = {}) {
  EventRecord out(sizeof(T) + text.size());
  fields.text_bytes = static_cast<__u32>(text.size());
  fields.header.size = static_cast<__u32>(out.size());
  std::memcpy(out.data(), &fields, sizeof(T));
  std::ranges::copy(std::as_bytes(std::span(text)), out.begin() + sizeof(T));
  return out;
}

class Wire {
 public:
  using Feed = std::function<void(std::span<const std::byte>)>;
  explicit Wire(Feed feed, std::uint64_t connection = 77) : feed_(std::move(feed)), connection_(connection) {}

  std::uint64_t now_ns = 1'000'000'000;
  std::uint32_t tgid = 100;
  std::size_t piece_bytes = 1000;
  std::size_t most_bytes = 1u << 20;  // of a frame, that the kernel shows

  void request(int key, int version, int correlation_id, const std::string& body,
               const std::string& client = "billing-1") {
    frame(false, key, version, correlation_id, encode_header(key, version, correlation_id, client) + body);
  }
  void response(int key, int version, int correlation_id, const std::string& body) {
    frame(true, key, version, correlation_id,
          response_header(flexible(key, version) && key != 18, correlation_id) + body);
  }
  // One piece of the frame is not sent.
  int lose_piece = -1;

  void close() {
    kafka_event event = base(false);
    event.facts = KAFKA_CLOSED;
    feed_(event_record(event));
  }
  void frame(bool response, int key, int version, int correlation_id, const std::string& bytes) {
    const std::size_t most = std::min(bytes.size(), most_bytes);
    sequence_[response]++;
    int number = 0;
    for (std::size_t at = 0; at < most; number++) {
      const std::size_t piece = std::min(piece_bytes, most - at);
      kafka_event event = base(response);
      event.sequence = sequence_[response];
      event.frame_bytes = static_cast<__u32>(bytes.size());
      event.offset = static_cast<__u32>(at);
      event.correlation_id = correlation_id;
      event.api_key = static_cast<__u16>(key);
      event.api_version = static_cast<__u16>(version);
      if (at + piece == most) event.facts |= KAFKA_LAST | (most < bytes.size() ? KAFKA_CUT : 0);
      if (number != lose_piece) feed_(event_record(event, bytes.substr(at, piece)));
      at += piece;
      now_ns += 1'000'000;
    }
    lose_piece = -1;
  }

 private:
  static bool flexible(int key, int version) {
    return version >= (key == 0 ? 9 : key == 1 ? 12 : key == 3 ? 9 : key == 8 ? 8 : key == 11 ? 6 : key == 68 ? 0 : 4);
  }
  static std::string encode_header(int key, int version, int correlation_id, const std::string& client) {
    return request_header(key, version, flexible(key, version), correlation_id, client);
  }
  kafka_event base(bool response) const {
    kafka_event event{};
    event.header = {EVENT_KAFKA, 0, 0, now_ns};
    event.connection_id = connection_;
    event.tgid = event.tid = tgid;
    event.local_address[10] = event.local_address[11] = event.peer_address[10] = event.peer_address[11] = 0xff;
    event.local_address[12] = event.peer_address[12] = 10;
    event.local_address[15] = 1;
    event.peer_address[15] = 3;
    event.local_port = 50000;
    event.peer_port = 9092;
    event.role = ROLE_CLIENT;
    event.facts = response ? KAFKA_RESPONSE : 0;
    return event;
  }

  Feed feed_;
  std::uint64_t connection_;
  std::uint32_t sequence_[2] = {};
};

}  // namespace weft::test::kafka
