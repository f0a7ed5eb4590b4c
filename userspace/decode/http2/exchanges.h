// SPDX-License-Identifier: Apache-2.0
// HTTP/2 at the agent's door. The kernel sends header blocks as they were on the wire; here they are decoded, in order
// for each connection and direction, and the request and response events of their streams get the head texts that
// HTTP/1.1 events come with. Behind this nobody needs to know of HPACK, and no raw block is kept or recorded.
//
// Not thread-safe. Bounded: connections that were not heard of for longest are forgotten first, and then understood
// again only as far as their headers are sent anew.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "decode/http2/hpack.h"
#include "wire/events.h"

namespace weft {

struct Http2Limits {
  std::size_t connections = 16384;
  std::size_t streams = 4096;           // of one connection, between request and response
  std::size_t text_bytes = 16384;       // of one head
  std::size_t total_bytes = 64u << 20;  // tables and texts of all connections
};

struct Http2Options {
  Http2Limits limits;
  bool trust_incoming = true;  // ids that the kernel could not read are read here
};

struct Http2Counters {
  std::uint64_t blocks = 0;
  std::uint64_t bad_blocks = 0;      // not legal, or cut
  std::uint64_t missed = 0;          // gaps in the order of blocks
  std::uint64_t unknown_fields = 0;  // legal blocks with a field that is not known
  std::uint64_t evicted = 0;         // connections and streams forgotten for want of room
};

class Http2Exchanges {
 public:
  using Output = std::function<void(std::span<const std::byte>)>;

  explicit Http2Exchanges(Output output, Http2Options options = {});

  // Any record of the ring buffer. What is not HTTP/2 goes on as it is; header blocks end here.
  void feed(std::span<const std::byte> record);

  void set_trust_incoming(bool trust) { options_.trust_incoming = trust; }

  const Http2Counters& counters() const { return counters_; }
  std::size_t connections() const { return connections_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Direction {
    HpackDecoder decoder;
    std::uint32_t sequence = 0;
    std::uint8_t life = 0;  // block_event::life
  };
  struct Stream {
    std::string request, response;  // as HTTP/1.1 heads without the empty line
    std::uint16_t status = 0;
    bool has_request = false;
    bool unknown = false;     // a field of the request is
    std::size_t counted = 0;  // in Connection::stream_bytes
    std::size_t bytes() const { return request.size() + response.size() + sizeof(Stream); }
  };
  struct Connection {
    std::array<Direction, 2> directions;  // requests, responses
    std::map<std::uint32_t, Stream> streams;
    std::size_t stream_bytes = 0;
    std::size_t bytes = 0;  // counted in bytes_
    std::list<std::uint64_t>::iterator used;
  };

  Connection& connection(std::uint64_t id);
  void forget(std::uint64_t id);
  void account(Connection& connection);
  void make_room(std::uint64_t keep);
  void block(std::span<const std::byte> record);
  bool in_order(Direction& direction, const block_event& event);
  void request(std::span<const std::byte> record, request_event event);
  void response(std::span<const std::byte> record, response_event event);
  void take_request(Stream& stream);
  void take_response(Stream& stream);

  Output output_;
  Http2Options options_;
  Http2Limits limits_;
  std::unordered_map<std::uint64_t, Connection> connections_;
  std::list<std::uint64_t> order_;  // most recently used first
  std::size_t bytes_ = 0;
  HeaderList fields_;
  std::vector<std::byte> record_;
  Http2Counters counters_;
};

}  // namespace weft
