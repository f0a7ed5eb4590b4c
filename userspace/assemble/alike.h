// SPDX-License-Identifier: Apache-2.0
// What the spans of requests that look alike have in common, so that a busy service's requests are taken apart once and
// not each time. Only what comes again and again is kept. Bounded in number and bytes; not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/text_hash.h"
#include "correlate/exchange.h"
#include "span/span.h"

namespace weft {

class AlikeRequests {
 public:
  static constexpr std::size_t kMost = 1024, kMost_bytes = 1u << 20;  // then it starts afresh
  static constexpr unsigned kTimes = 3;                               // so often it has to have come before it is kept

  struct Common {
    std::shared_ptr<const Resource> resource;
    std::string name;
    StatusCode status = StatusCode::unset;
    std::string status_message;
    bool ignored = false;  // routes.ignored
    bool rpc = false;      // a remote procedure call
    std::shared_ptr<const CommonAttributes> attributes;
  };

  // What is known of requests that look like this one; null: nothing yet. They differ in their ids and times,
  // Exchange::request_own, the sizes of their messages and, of servers, the port they come from. `own_counts`: what
  // they have in common depends on request_own all the same.
  const Common* find(const Exchange& exchange, const std::shared_ptr<const Resource>& resource, bool own_counts);
  // Of the one that find() was asked for last and did not know: has it come often enough?
  bool comes_again();
  // REQUIRES: find() did not know it.
  void keep(Common common);

  void clear();
  std::size_t size() const { return known_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Seen {
    std::uint32_t mark = 0;  // of the last one whose place this is
    std::uint32_t times = 0;
  };

  std::string key_;  // of the request at hand
  std::size_t bytes_ = 0;
  std::unordered_map<std::string, Common, TextHash, std::equal_to<>> known_;
  std::array<Seen, 1024> seen_{};
};

}  // namespace weft
