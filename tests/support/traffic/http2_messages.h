// SPDX-License-Identifier: Apache-2.0
// What an HTTP/2 client sends, at random: requests in every form that frames and HPACK allow, interleaved.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "support/traffic/messages.h"

namespace weft::test {

// About `bytes` in all, at most `messages` requests. Message.begin is the start of a request's HEADERS frame, head_end
// the end of its last CONTINUATION (padding included); `end` is where the next request begins.
Stream make_http2_requests(Random& random, const RequestShape& shape, std::size_t bytes, std::size_t messages);

struct Http2Frame {
  std::size_t length = 0;  // of the payload
  unsigned type = 0, flags = 0;
  std::uint32_t stream = 0;
};
inline constexpr std::size_t http2_frame_header = 9;
// REQUIRES: nine bytes.
Http2Frame read_frame(std::string_view bytes);
// Where in the payload of a HEADERS or CONTINUATION frame its part of the header block ends (padding comes after).
std::size_t fragment_end(const Http2Frame& frame, std::string_view payload);

}  // namespace weft::test
