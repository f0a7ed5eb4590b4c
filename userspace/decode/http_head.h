// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 head text -> method, target, headers, without copying. The kernel framed the message already (and parks what
// is ambiguous), so this reader is tolerant: it never fails, it only finds less. A head that was cut ends somewhere in
// a line; a header line without its line feed is not reported, because its value may be half of one.
#pragma once

#include <cstddef>
#include <string_view>

namespace weft {

// One line off the front of `rest`, without CR LF. `complete` = it ended with a line feed. Here because every line of
// every message passes it.
inline std::string_view take_line(std::string_view& rest, bool& complete) {
  const std::size_t end = rest.find('\n');
  complete = end != std::string_view::npos;
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(complete ? end + 1 : rest.size());
  if (complete && !line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

struct HeaderLine {
  std::string_view name;
  std::string_view value;  // without surrounding spaces and tabs
};

// Walks header lines in order.
class HeaderLines {
 public:
  HeaderLines() = default;
  explicit HeaderLines(std::string_view text) : rest_(text) {}
  bool next(HeaderLine& line);  // false: no more

 private:
  std::string_view rest_;
};

struct RequestHead {
  std::string_view method;
  std::string_view target;   // as sent; cut when the head was cut inside it
  std::string_view version;  // "HTTP/1.1"; empty when cut
  HeaderLines headers;
};

struct ResponseHead {
  std::string_view version;  // empty when it is none
  std::string_view status;   // three digits as text, or empty
  HeaderLines headers;
};

RequestHead parse_request_head(std::string_view text);
ResponseHead parse_response_head(std::string_view text);

// The first line alone; `headers` stays empty.
RequestHead parse_request_line(std::string_view line);
ResponseHead parse_status_line(std::string_view line);

struct HostPort {
  std::string_view host;  // brackets of an IPv6 address removed
  int port = 0;           // 0: none given (or none that is valid)
};
HostPort split_host_port(std::string_view authority);

}  // namespace weft
