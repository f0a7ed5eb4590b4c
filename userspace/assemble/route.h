// SPDX-License-Identifier: Apache-2.0
// url.path -> http.route, which has to be of low cardinality. Configured patterns first, then what `unmatched` says.
// The number of routes of a service is bounded; what is beyond becomes "/*".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/text_hash.h"

namespace weft {

struct RouteOptions {
  enum class Unmatched : std::uint8_t { heuristic, path, wildcard };
  // "/users/{id}": {…} and * stand for one segment, a last /** for any number of them.
  std::vector<std::string> patterns;
  Unmatched unmatched = Unmatched::heuristic;
  std::vector<std::string> ignored;  // same form as patterns
  std::size_t routes_per_service = 256;
  std::size_t services = 1024;
};

class Routes {
 public:
  static constexpr std::string_view overflow = "/*";

  explicit Routes(RouteOptions options) : options_(std::move(options)) {}

  // A route that is not known yet: becomes known; is left out (the answer is empty) for a path that led nowhere (404
  // …), so that a scanner does not use up the bound; or is told and not learned, while nobody knows where the path
  // leads.
  enum class Unknown : std::uint8_t { learn, leave_out, tell };
  // The view is valid until the next call.
  std::string_view route(std::string_view service, std::string_view path, Unknown unknown);
  bool ignored(std::string_view path) const;
  std::uint64_t overflows() const { return overflows_; }

 private:
  using TextSet = std::unordered_set<std::string, TextHash, std::equal_to<>>;

  RouteOptions options_;
  std::unordered_map<std::string, TextSet, TextHash, std::equal_to<>> known_;
  std::string scratch_;
  std::uint64_t overflows_ = 0;
};

bool route_pattern_matches(std::string_view pattern, std::string_view path);

// "/users/123/orders/2024-05-01" -> "/users/{id}/orders/{date}". Numbers, UUIDs, hex strings, long tokens, mail
// addresses and ids with a prefix (order-1234) are ids; words, versions (v1) and file names stay. Appends.
void append_heuristic_route(std::string_view path, std::string& out);

}  // namespace weft
