// SPDX-License-Identifier: Apache-2.0
#include "decode/http_head.h"

#include <charconv>

#include "decode/text.h"

namespace weft {
namespace {

// RFC 9112 section 2.3
bool is_version(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' && is_digit(text[7]);
}

}  // namespace

bool HeaderLines::next(HeaderLine& line) {
  while (!rest_.empty()) {
    bool complete = false;
    const std::string_view text = take_line(rest_, complete);
    if (!complete || text.empty()) {  // cut, or the blank line
      rest_ = {};
      return false;
    }
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0) continue;
    line = {text.substr(0, colon), trim(text.substr(colon + 1))};
    return true;
  }
  return false;
}

RequestHead parse_request_line(std::string_view line) {
  RequestHead head;
  head.method = take_until(line, ' ');
  // The version is what follows the last space; a target holds none (RFC 9112 section 3.2). What is no version belongs
  // to the target, so that it is masked with it.
  const std::size_t space = line.rfind(' ');
  if (space != std::string_view::npos && is_version(line.substr(space + 1))) {
    head.version = line.substr(space + 1);
    line = line.substr(0, space);
  }
  head.target = line;
  return head;
}

RequestHead parse_request_head(std::string_view text) {
  bool complete = false;
  RequestHead head = parse_request_line(take_line(text, complete));
  if (complete) head.headers = HeaderLines(text);
  return head;
}

ResponseHead parse_status_line(std::string_view line) {
  ResponseHead head;
  head.version = take_until(line, ' ');
  if (!is_version(head.version)) head.version = {};
  if (line.size() >= 3 && is_digit(line[0]) && is_digit(line[1]) && is_digit(line[2])) head.status = line.substr(0, 3);
  return head;
}

ResponseHead parse_response_head(std::string_view text) {
  bool complete = false;
  ResponseHead head = parse_status_line(take_line(text, complete));
  if (complete) head.headers = HeaderLines(text);
  return head;
}

HostPort split_host_port(std::string_view authority) {
  HostPort result{authority, 0};
  std::size_t colon = authority.rfind(':');
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return result;
    result.host = authority.substr(1, bracket - 1);
    colon = bracket + 1 < authority.size() && authority[bracket + 1] == ':' ? bracket + 1 : std::string_view::npos;
  } else {
    result.host = authority.substr(0, colon);
  }
  if (colon == std::string_view::npos) return result;
  const std::string_view digits = authority.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error == std::errc{} && end == digits.data() + digits.size() && port <= 65535)
    result.port = static_cast<int>(port);
  return result;
}

}  // namespace weft
