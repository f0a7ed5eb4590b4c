// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "decode/http_head.h"
#include "decode/url.h"

using namespace weft;

namespace {

std::string names_of(HeaderLines lines) {
  std::string names;
  for (HeaderLine line; lines.next(line);) names.append(line.name).append("=").append(line.value).append("|");
  return names;
}

}  // namespace

TEST_CASE("head: request line and headers") {
  const RequestHead head =
      parse_request_head("POST /a?b=1 HTTP/1.1\r\nHost:x:80\r\nEmpty:\r\nA:  b c \t\r\n\r\nbody: no\r\n");
  CHECK(head.method == "POST");
  CHECK(head.target == "/a?b=1");
  CHECK(head.version == "HTTP/1.1");
  CHECK(names_of(head.headers) == "Host=x:80|Empty=|A=b c|");
}

TEST_CASE("head: cut anywhere, it says less and nothing wrong") {
  const std::string whole = "GET /path HTTP/1.1\r\nHost: name\r\nUser-Agent: agent\r\n\r\n";
  for (std::size_t length = 0; length <= whole.size(); length++) {
    const RequestHead head = parse_request_head(std::string_view(whole).substr(0, length));
    CHECK(std::string_view("GET").starts_with(head.method));
    CHECK((head.version.empty() || head.version == "HTTP/1.1"));
    const std::string names = names_of(head.headers);
    CHECK((names.empty() || names == "Host=name|" || names == "Host=name|User-Agent=agent|"));
  }
}

TEST_CASE("head: a cut header line is not reported, its value may be half of one") {
  CHECK(names_of(parse_request_head("GET / HTTP/1.1\r\nHost: exam").headers).empty());
}

TEST_CASE("head: what is no version is part of the target") {
  CHECK(parse_request_head("GET  /x?token=1\r\n").target == " /x?token=1");
  CHECK(parse_request_head("GET /a b HTTP/1.1\r\n").target == "/a b");
  CHECK(parse_request_head("GET /a HTTP/1.\r\n").target == "/a HTTP/1.");
}

TEST_CASE("head: status line") {
  const ResponseHead head = parse_response_head("HTTP/1.1 404 Not Found\r\nServer: s\r\n\r\n");
  CHECK(head.status == "404");
  CHECK(names_of(head.headers) == "Server=s|");
  CHECK(parse_response_head("HTTP/1.1 4x4 Odd\r\n").status.empty());
}

TEST_CASE("host and port") {
  CHECK(split_host_port("a.example").host == "a.example");
  CHECK(split_host_port("a.example").port == 0);
  CHECK(split_host_port("a.example:8080").port == 8080);
  CHECK(split_host_port("[::1]:9000").host == "::1");
  CHECK(split_host_port("[::1]:9000").port == 9000);
  CHECK(split_host_port("[::1]").host == "::1");
  CHECK(split_host_port("[::1").host == "[::1");
  CHECK(split_host_port("a:99999").port == 0);
  CHECK(split_host_port("a:1x").port == 0);
  CHECK(split_host_port("a:").host == "a");
  CHECK(split_host_port("").host.empty());
}

TEST_CASE("target: the four forms of RFC 9112 section 3.2") {
  Target target = split_target("GET", "/a/b?c=d?e#f");
  CHECK(target.path == "/a/b");
  CHECK(target.query == "c=d?e");
  target = split_target("GET", "http://user:pw@host:1/p?q");
  CHECK(target.scheme == "http");
  CHECK(target.authority == "host:1");
  CHECK(target.path == "/p");
  CHECK(target.query == "q");
  target = split_target("GET", "http://host?q");
  CHECK(target.path.empty());
  CHECK(target.query == "q");
  CHECK(split_target("CONNECT", "host:443").authority == "host:443");
  CHECK(split_target("OPTIONS", "*").path == "*");
  CHECK(split_target("GET", "/redirect?to=http://x/").query == "to=http://x/");
  CHECK(split_target("GET", "").path.empty());
}
