// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "decode/events.h"
#include "decode/mask.h"
#include "decode/url.h"
#include "support/wire_events.h"

using namespace weft;
using namespace weft::testing;

namespace {

std::string masked(std::string_view text, const MaskRules& rules = {}, OtherHeaders others = OtherHeaders::name_stays,
                   std::string_view baggage = {}) {
  std::string out;
  mask_request_head(text, baggage, rules, others, out, out);
  return out;
}
std::string masked_target(std::string_view target, std::string_view method = "GET") {
  std::string out;
  append_masked_target(method, target, out);
  return out;
}

}  // namespace

TEST_CASE("mask: what requests that look alike do not share stands apart") {
  std::string head, own;
  CHECK(
      mask_request_head("GET /a HTTP/1.1\r\nHost: h\r\nTraceparent: t\r\ncookie: c\r\nb3: 0\r\nUser-Agent: u\r\n"
                        "content-length: 3\r\ngrpc-timeout: 1S\r\ntracestate: v=1\r\nX-Trace-Id: i\r\n\r\n",
                        "k=1", MaskRules(), OtherHeaders::dropped, head, own));
  CHECK(head == "GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: u\r\n\r\n");
  CHECK(own ==
        "baggage: k=\r\nTraceparent: t\r\nb3: 0\r\ncontent-length: 3\r\ngrpc-timeout: 1S\r\ntracestate: v=1\r\n"
        "X-Trace-Id: i\r\n");
}

TEST_CASE("mask: of headers beyond the allow-list only the name stays") {
  CHECK(masked("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer s3cret\r\nCookie:a=b\r\nX-Empty:\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: -\r\nCookie: -\r\nX-Empty: \r\n\r\n");
  CHECK(masked("GET / HTTP/1.1\r\nHost: h\r\nCookie:a=b\r\n\r\n", {}, OtherHeaders::dropped) ==
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST_CASE("mask: what spans need stays, whatever the case of its name") {
  const std::string head =
      "GET / HTTP/1.1\r\nHOST: h\r\nuser-agent: curl\r\nContent-Length: 3\r\ncontent-type: text/plain\r\n"
      "traceparent: 00-a-b-01\r\nTraceState: x=1\r\nb3: 1-2-1\r\nX-B3-TraceId: 1\r\nX-B3-SpanId: 2\r\nX-B3-Sampled: "
      "1\r\nuber-trace-id: 1:2:0:1\r\nX-Trace-ID: order-4711\r\nX-Parent-ID: 2\r\n\r\n";
  CHECK(masked(head) == head);
}

TEST_CASE("mask: capture.headers adds names") {
  const MaskRules rules({"X-Tenant"}, {});
  CHECK(masked("GET / HTTP/1.1\r\nx-tenant: acme\r\nX-Tenants: b\r\n\r\n", rules) ==
        "GET / HTTP/1.1\r\nx-tenant: acme\r\nX-Tenants: -\r\n\r\n");
}

TEST_CASE("mask: baggage is reduced to its keys") {
  CHECK(masked("GET / HTTP/1.1\r\nBaggage: user.id=42;secret=1 , card=1234, bad key=1, no-equals, =v\r\n\r\n") ==
        "GET / HTTP/1.1\r\nBaggage: user.id=,card=\r\n\r\n");
  // spans.baggage_attributes names values that stay; capture.headers cannot bring the others back.
  CHECK(masked("GET / HTTP/1.1\r\nbaggage: a=1;p=2,b=3\r\n\r\n", MaskRules({"baggage"}, {"a"})) ==
        "GET / HTTP/1.1\r\nbaggage: a=1,b=\r\n\r\n");
}

TEST_CASE("mask: baggage lines that the kernel has masked give way to what the policy left") {
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nbaggage: ********\r\nBaggage:**\r\n\r\n";
  CHECK(masked(head) == "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(masked(head, MaskRules({}, {"a"}), OtherHeaders::dropped, "a=1,b=2;p") ==
        "GET / HTTP/1.1\r\nbaggage: a=1,b=\r\nHost: h\r\n\r\n");
}

TEST_CASE("mask: secrets leave the query, the path stays") {
  CHECK(masked_target("/login/s3cret?user=ann&password=hunter2&page=1") ==
        "/login/s3cret?user=ann&password=REDACTED&page=1");
  for (const char* name : {"token",
                           "access_token",
                           "api_key",
                           "apikey",
                           "key",
                           "password",
                           "passwd",
                           "secret",
                           "sig",
                           "signature",
                           "X-Amz-Signature",
                           "X-Amz-Credential",
                           "x-amz-security-token",
                           "AWSAccessKeyId",
                           "X-Goog-Signature",
                           "code",
                           "session",
                           "client_secret",
                           "refreshToken",
                           "user%5Bpassword%5D",
                           "user[password]",
                           "pass%77ord",
                           "SAMLResponse"})
    CHECK_MESSAGE(masked_target(std::string("/?a=b&") + name + "=value") == std::string("/?a=b&") + name + "=REDACTED",
                  name);
  for (const char* name : {"page", "q", "keyword", "monkey", "zipcode", "passenger", "id", "to", "ke"})
    CHECK_MESSAGE(masked_target(std::string("/?") + name + "=value") == std::string("/?") + name + "=value", name);
}

TEST_CASE("mask: odd queries") {
  CHECK(masked_target("/?token=") == "/?token=");
  CHECK(masked_target("/?token") == "/?token");
  CHECK(masked_target("/?a=1&&token=x&") == "/?a=1&&token=REDACTED&");
  CHECK(masked_target("/?a=1;token=x") == "/?a=1;token=REDACTED");
  CHECK(masked_target("/?token=a=b") == "/?token=REDACTED");
  CHECK(masked_target("/a;jsessionid=77/b;v=1?x=y") == "/a;jsessionid=REDACTED/b;v=1?x=y");
  CHECK(masked_target("/a#access_token=1") == "/a");
}

TEST_CASE("mask: user information leaves absolute targets") {
  CHECK(masked_target("http://ann:pw@host:81/x?sig=1") == "http://host:81/x?sig=REDACTED");
  CHECK(masked_target("http://a@b:pw@host/") == "http://host/");
  CHECK(masked_target("://ann:pw@host/x") == "://host/x");
  CHECK(masked_target("ann:pw@host:443", "CONNECT") == "host:443");
}

TEST_CASE("mask: a cut head gives nothing half") {
  const std::string head = "GET /?token=abcdef HTTP/1.1\r\nHost: h\r\nCookie: secret\r\nX: secret\r\n\r\n";
  for (std::size_t length = 0; length < head.size(); length++) {
    const std::string out = masked(std::string_view(head).substr(0, length));
    CHECK(out.find("secret") == std::string::npos);
    CHECK(out.find("abc") == std::string::npos);
  }
}

TEST_CASE("mask: a header line that was cut is dropped even when its value may be kept") {
  CHECK(masked("GET / HTTP/1.1\r\nHost: exam") == "GET / HTTP/1.1\r\n");
}

TEST_CASE("mask: twice is once, for odd texts too") {
  for (const char* text :
       {"", "GET", "GET ", "GET /", "\r\n\r\n", "GET  /x?token=1\r\n\r\n",
        "secret words here\r\nnot a header\r\n: x\r\n", "G@T /?a=b;token=1 HTTP/1.1\r\nHost : h\r\n\r\n",
        "GET ://u:p@a ://v:p@b HTTP/1.1\r\n\r\n", "GET /a HTTP/1.1\nHost: h\n\n",
        "GET http://u:p@h?key=1 HTTP/1.1\r\nbaggage: a=b=c;d,,e=\r\n\r\n"}) {
    const std::string once = masked(text);
    CHECK_MESSAGE(masked(once) == once, text);
  }
}

TEST_CASE("mask: response heads lose the reason phrase and values") {
  std::string out;
  mask_response_head("HTTP/1.1 200 All of ann's data\r\nSet-Cookie: a=b\r\nX-Kind: x\r\nContent-Length: 2\r\n\r\n",
                     MaskRules({"x-kind"}, {}), OtherHeaders::name_stays, out);
  CHECK(out == "HTTP/1.1 200\r\nSet-Cookie: -\r\nX-Kind: x\r\nContent-Length: 2\r\n\r\n");
}

TEST_CASE("mask_event: a valid event of the same layout, padding gone") {
  Bytes record = with_text(server_request(7, 1000), "GET /?key=1 HTTP/1.1\r\nHost: h\r\nCookie: c=d\r\n\r\n");
  record.resize(record.size() + 100, std::byte{'s'});  // a size class with someone's bytes in it
  REQUIRE(mask_event(record, {}));
  const auto event = decode_event(record);
  REQUIRE(event);
  const auto& request = std::get<RequestEvent>(*event);
  CHECK(request.head == "GET /?key=REDACTED HTTP/1.1\r\nHost: h\r\nCookie: -\r\n\r\n");
  CHECK(record.size() == sizeof(request_event) + request.head.size());
  CHECK(request.fields.header.size == record.size());
  CHECK(request.fields.exchange_id == 7);
  CHECK(request.fields.peer_port == 40000);

  Bytes process = plain(process_change_of(5, PROCESS_EXIT, 9));
  process.resize(process.size() + 8, std::byte{'s'});
  REQUIRE(mask_event(process, {}));
  CHECK(process.size() == sizeof(process_event));
}

TEST_CASE("mask_event: what is no event is not kept") {
  Bytes record = with_text(server_request(0, 1000), "GET / HTTP/1.1\r\nCookie: c\r\n\r\n");
  CHECK_FALSE(mask_event(record, {}));
  CHECK(record.empty());
}

TEST_CASE("url: percent-decoding takes what it can") {
  CHECK(percent_decoded("a%20b%2") == "a b%2");
  CHECK(percent_decoded("%C3%A9%zz%4") == "\xc3\xa9%zz%4");
  CHECK(percent_decoded("%41%") == "A%");
  CHECK(percent_decoded("") == "");
}
