// SPDX-License-Identifier: Apache-2.0
#include "support/http1_cases.h"

#include "wire/http1.h"

namespace weft::test {
namespace {

using std::string;
constexpr auto kBetween = Http1Outcome::kBetween;
constexpr auto kInside = Http1Outcome::kInside;
constexpr auto kBad = Http1Outcome::kBad;

string get(const string& headers) { return "GET / HTTP/1.1\r\n" + headers + "\r\n"; }
string post(const string& headers, const string& body) { return "POST /x HTTP/1.1\r\n" + headers + "\r\n" + body; }
string chunked(const string& body) { return post("Transfer-Encoding: chunked\r\n", body); }
string answer(const string& line, const string& rest) { return "HTTP/1.1 " + line + "\r\n" + rest; }

const string kParent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";

void add_request_lines(std::vector<Http1Case>& cases) {
  cases.push_back({"a request without a body", get("Host: a\r\n")});
  cases.push_back({"a request without headers", "GET / HTTP/1.1\r\n\r\n"});
  cases.push_back({"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"});
  cases.push_back({"all known methods",
                   "GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\n\r\nCONNECT a:1 "
                   "HTTP/1.1\r\n\r\nM-SEARCH * HTTP/1.1\r\n\r\n",
                   kBetween, 5});
  cases.push_back({"bytes of 0x80 and more in a target", "GET /\xc3\xa4 HTTP/1.1\r\n\r\n"});
  cases.push_back({"a method of 24 bytes", string(24, 'M') + " / HTTP/1.1\r\n\r\n"});
  cases.push_back({"a method of 25 bytes", string(25, 'M') + " / HTTP/1.1\r\n\r\n", kBad, 0});
  cases.push_back({"lower case method", "get / HTTP/1.1\r\n\r\n", kBad, 0});
  cases.push_back({"no target", "GET HTTP/1.1\r\n\r\n", kBad, 0});
  cases.push_back({"HTTP/0.9", "GET /\r\n\r\n", kBad, 0});
  cases.push_back({"HTTP/2.0", "GET / HTTP/2.0\r\n\r\n", kBad, 0});
  cases.push_back({"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", kBad, 0});
  cases.push_back({"HTTP/1.2", "GET / HTTP/1.2\r\n\r\n", kBad, 0});
  cases.push_back({"lower case http", "GET / http/1.1\r\n\r\n", kBad, 0});
  cases.push_back({"space behind the version", "GET / HTTP/1.1 \r\n\r\n", kBad, 0});
  cases.push_back({"tab for space", "GET\t/\tHTTP/1.1\r\n\r\n", kBad, 0});
  cases.push_back({"NUL in the target", string("GET /\0 HTTP/1.1\r\n\r\n", 19), kBad, 0});
  cases.push_back({"TLS", string("\x16\x03\x01\x02\x00\x01", 6), kBad, 0});
  cases.push_back({"blank line before a request", "\r\nGET / HTTP/1.1\r\n\r\n", kBad, 0});
}

void add_lines(std::vector<Http1Case>& cases) {
  cases.push_back({"bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", kBad, 0});
  cases.push_back({"bare LF behind a header", get("Host: a\nX: b\r\n"), kBad, 0});
  cases.push_back({"bare CR in a value", get("Host: a\rX: b\r\n"), kBad, 0});
  cases.push_back({"LF for the blank line", "GET / HTTP/1.1\r\nHost: a\r\n\n", kBad, 0});
  cases.push_back({"obs-fold", get("X: a\r\n b\r\n"), kBad, 0});
  cases.push_back({"obs-fold by tab", get("X: a\r\n\tb\r\n"), kBad, 0});
  cases.push_back({"NUL in a value", get(string("X: a\0b\r\n", 8)), kBad, 0});
  cases.push_back({"control byte in a value", get("X: a\x01\r\n"), kBad, 0});
  cases.push_back({"tab in a value", get("X: a\tb\r\n")});
  cases.push_back({"bytes of 0x80 and more in a value", get("X: \xff\xc3\xa4\r\n")});
  cases.push_back({"empty name", get(": a\r\n"), kBad, 0});
  cases.push_back({"long lines",
                   get("X: " + string(700, 'v') + "\r\nY: " + string(63, 'w') + "\r\nZ: " + string(64, 'w') + "\r\n")});
  cases.push_back({"names that begin like one that matters",
                   get("Content-Type: a\r\nContent-LengthX: 9\r\nTransfer: b\r\nTrace: c\r\nBaggag: d\r\nBaggages: "
                       "e\r\nUpgrade-Insecure-Requests: 1\r\nT: f\r\nContent: 4\r\n")});
  cases.push_back({"white space before the colon of a framing header", post("Content-Length : 1\r\n", "x"), kBad, 0});
  cases.push_back(
      {"tab before the colon of a framing header", post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"), kBad, 0});
  cases.push_back({"white space in the name of a framing header", post("Content- Length: 1\r\n", "x"), kBad, 0});
  cases.push_back({"a framing header without colon", post("Content-Length\r\n", ""), kBad, 0});
  cases.push_back({"a header without colon", get("Host\r\n"), kBad, 0});
  cases.push_back({"white space before any colon", get("X-Any : a\r\n"), kBad, 0});
  cases.push_back({"a long name with white space", get("X-A-Rather-Long-Name-Of-A-Header \t: a\r\n"), kBad, 0});
  cases.push_back({"a byte of 0x80 in a name", get("X-\x80: a\r\n"), kBad, 0});
  cases.push_back(
      {"names of all lengths", get("A: 1\r\nAb: 1\r\nAbcdefg: 1\r\nAbcdefgh: 1\r\nAbcdefghi: 1\r\nAbcdefghijklmnop: "
                                   "1\r\nAbcdefghijklmnopqrstuvwx: 1\r\nAbcdefghijklmnopqrstuvwxy:1\r\n")});
  cases.push_back({"no end", "GET / HTTP/1.1\r\nHost: a\r\n", kInside, 0});
}

void add_lengths(std::vector<Http1Case>& cases) {
  cases.push_back({"Content-Length", post("Content-Length: 5\r\n", "hello")});
  cases.push_back({"a body like a request", post("Content-Length: 18\r\n", "GET / HTTP/1.1\r\n\r\n")});
  cases.push_back({"Content-Length 0", post("Content-Length: 0\r\n", "")});
  cases.push_back({"zeros before, white space around, odd case", post("cOnTeNt-LeNgTh: \t 0005\t \r\n", "hello")});
  cases.push_back({"less than Content-Length", post("Content-Length: 6\r\n", "hello"), kInside, 0});
  cases.push_back({"two equal Content-Lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), kBad, 0});
  cases.push_back(
      {"two different Content-Lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), kBad, 0});
  cases.push_back({"a list of lengths", post("Content-Length: 5, 5\r\n", "hello"), kBad, 0});
  cases.push_back({"a plus sign", post("Content-Length: +5\r\n", "hello"), kBad, 0});
  cases.push_back({"a minus sign", post("Content-Length: -5\r\n", "hello"), kBad, 0});
  cases.push_back({"a hexadecimal length", post("Content-Length: 0x5\r\n", "hello"), kBad, 0});
  cases.push_back({"an empty length", post("Content-Length:\r\n", "hello"), kBad, 0});
  cases.push_back({"a length of two words", post("Content-Length: 5 5\r\n", "hello"), kBad, 0});
  cases.push_back({"a length of 2^64 and 5", post("Content-Length: 18446744073709551621\r\n", "hello"), kBad, 0});
  cases.push_back({"the longest length", post("Content-Length: 1000000000000000\r\n", "x"), kInside, 0});
  cases.push_back({"a longer one", post("Content-Length: 1000000000000001\r\n", "x"), kBad, 0});
  cases.push_back({"Content-Length and Transfer-Encoding",
                   post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), kBad, 0});
  cases.push_back({"Transfer-Encoding and Content-Length",
                   post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), kBad, 0});
  cases.push_back(
      {"pipelined requests", get("") + post("Content-Length: 3\r\n", "abc") + get("Host: b\r\n"), kBetween, 3});
}

void add_chunks(std::vector<Http1Case>& cases) {
  cases.push_back({"chunks", chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")});
  cases.push_back(
      {"chunk sizes in both cases with zeros before", chunked("0a\r\n0123456789\r\n0A\r\n0123456789\r\n000\r\n\r\n")});
  cases.push_back({"chunk extensions", chunked("5;a=b\r\nhello\r\n1 ; c=\"d\"\r\nx\r\n0;z\r\n\r\n")});
  cases.push_back({"trailers", chunked("1\r\nx\r\n0\r\nA: b\r\nContent-Length: 7\r\n\r\n") + get(""), kBetween, 2});
  cases.push_back({"a chunk like a last chunk", chunked("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n")});
  cases.push_back({"a chunk longer than its size", chunked("1\r\nxy\r\n0\r\n\r\n"), kBad, 0});
  cases.push_back({"no size", chunked("\r\nx\r\n0\r\n\r\n"), kBad, 0});
  cases.push_back({"a size with sign", chunked("+1\r\nx\r\n0\r\n\r\n"), kBad, 0});
  cases.push_back({"a size with 0x", chunked("0x1\r\nx\r\n0\r\n\r\n"), kBad, 0});
  cases.push_back({"a size of 11 digits", chunked("00000000001\r\nx\r\n0\r\n\r\n")});
  cases.push_back({"a size of 12 digits", chunked("000000000001\r\nx\r\n0\r\n\r\n"), kBad, 0});
  cases.push_back({"a size of 2^64 and 1", chunked("10000000000000001\r\nx\r\n0\r\n\r\n"), kBad, 0});
  cases.push_back({"bare LF behind a size", chunked("1\nx\r\n0\r\n\r\n"), kBad, 0});
  cases.push_back({"bare LF in an extension", chunked("1;a\nb\r\nx\r\n0\r\n\r\n"), kBad, 0});
  cases.push_back({"bare CR in an extension", chunked("1;a\rb\r\nx\r\n0\r\n\r\n"), kBad, 0});
  cases.push_back({"bare LF behind a chunk", chunked("1\r\nx\n0\r\n\r\n"), kBad, 0});
  cases.push_back({"obs-fold in a trailer", chunked("0\r\nA: b\r\n c\r\n\r\n"), kBad, 0});
  cases.push_back({"NUL in a trailer", chunked(string("0\r\nA: \0\r\n\r\n", 11)), kBad, 0});
  cases.push_back({"no last chunk", chunked("1\r\nx\r\n"), kInside, 0});
  cases.push_back({"CHUNKED", post("TRANSFER-ENCODING:\tCHUNKED \r\n", "0\r\n\r\n")});
  for (const char* coding : {"gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunkedx", "chunke",
                             "", "chunk ed", ",chunked", "\"chunked\""})
    cases.push_back({string("transfer coding '") + coding + "'",
                     post(string("Transfer-Encoding: ") + coding + "\r\n", "0\r\n\r\n"), kBad, 0});
  cases.push_back({"an empty coding, and nothing behind the head", post("Transfer-Encoding:\r\n", ""), kBad, 0});
  cases.push_back({"a short coding, and nothing behind the head", post("Transfer-Encoding: chu\r\n", ""), kBad, 0});
  cases.push_back({"vertical tab before chunked", post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), kBad, 0});
  cases.push_back({"Transfer-Encoding twice",
                   post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), kBad, 0});
  cases.push_back({"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", kBad, 0});
}

void add_responses(std::vector<Http1Case>& cases) {
  const auto response = [&](string rule, string text, Http1Outcome outcome = kBetween, int messages = 1,
                            int method = HTTP1_METHOD_GET) {
    cases.push_back({std::move(rule), std::move(text), outcome, messages, true, method});
  };
  const string length = "Content-Length: 5\r\n\r\n", chunks = "Transfer-Encoding: chunked\r\n\r\n";
  response("response with Content-Length", answer("200 OK", length + "hello"));
  response("response in chunks", answer("200 OK", chunks + "5\r\nhello\r\n0\r\n\r\n"));
  response("response until close", answer("200 OK", "\r\nhello"), kInside, 0);
  response("response of HTTP/1.0 until close", "HTTP/1.0 200 OK\r\n\r\nhello", kInside, 0);
  response("a body until close like a response", answer("200 OK", "\r\n" + answer("200 OK", length + "hello")), kInside,
           0);
  response("no reason, with and without its space", answer("204 ", "\r\n") + answer("204", "\r\n"), kBetween, 2);
  response("a reason with tab and high bytes", answer("204 \xc3\xa4\tb", "\r\n"));
  response("204 with Content-Length", answer("204 No", length) + answer("200 OK", length + "hello"), kBetween, 2);
  response("304 with Content-Length", answer("304 Not", length) + answer("200 OK", length + "hello"), kBetween, 2);
  response("304 in chunks", answer("304 Not", chunks) + answer("200 OK", length + "hello"), kBetween, 2);
  response("100 and the final one",
           answer("100 Continue", "\r\n") + answer("103 Early", "Link: a\r\n\r\n") + answer("200 OK", length + "hello"),
           kBetween, 3);
  response("101", answer("101 Switching", "Upgrade: websocket\r\n\r\n"));
  response("answer to HEAD", answer("200 OK", length) + answer("200 OK", chunks), kBetween, 2, HTTP1_METHOD_HEAD);
  response("answer to CONNECT, 2xx", answer("200 OK", length), kBetween, 1, HTTP1_METHOD_CONNECT);
  response("answer to CONNECT, refused", answer("407 No", length + "hello"), kBetween, 1, HTTP1_METHOD_CONNECT);
  response("status of two digits", answer("20 OK", length + "hello"), kBad, 0);
  response("status of four digits", answer("2000 OK", length + "hello"), kBad, 0);
  response("status that begins with 0", answer("099 OK", length + "hello"), kBad, 0);
  response("status with letter", answer("2x0 OK", length + "hello"), kBad, 0);
  response("ICY", "ICY 200 OK\r\n\r\n", kBad, 0);
  response("response of HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", kBad, 0);
  response("a request where a response is due", get(""), kBad, 0);
  response("response with both framings", answer("200 OK", "Content-Length: 5\r\n" + chunks), kBad, 0);
  response("NUL in the reason", answer(string("200 \0", 5), length + "hello"), kBad, 0);
  response("bytes behind the answer", answer("200 OK", length + "hello!"), kBad, 1);
}

void add_context(std::vector<Http1Case>& cases) {
  cases.push_back({"all context headers", get(kParent + "tracestate: a=1\r\nbaggage: k=v\r\n")});
  cases.push_back({"context headers in odd case", get("TRACEPARENT:x\r\nTraceState:\ta=1 \r\nBaGgAgE:  k=v\t\r\n")});
  cases.push_back({"two traceparents", get(kParent + "X: y\r\n" + kParent)});
  cases.push_back({"other formats",
                   get("B3: 1\r\nX-B3-TraceId: 2\r\n") + get("Uber-Trace-Id:3\r\n") + get("uberctx-a: 4\r\n") +
                       get("X-Trace-ID: 5\r\n") + get("x-parent-id: 6\r\n"),
                   kBetween, 5});
  cases.push_back({"nearly other formats",
                   get("b33: 1\r\nx-b: 2\r\nx-b4-a: 2\r\nuber: 3\r\n") +
                       get("x-forwarded-for: 5\r\nx-trac: 6\r\nb: 3\r\nx-parens: 1\r\n"),
                   kBetween, 2});
  cases.push_back({"empty context headers", get("traceparent:\r\ntracestate: \r\nbaggage:\t\r\n")});
  string many;
  for (int i = 0; i < 10; i++)
    many += "baggage: k" + std::to_string(i) + "=v\r\ntracestate: k" + std::to_string(i) + "=v\r\n";
  cases.push_back({"more context lines than are held", get(many)});
  cases.push_back({"names that begin like a context header",
                   get("traceparents: a\r\ntracestat: b\r\nbaggage-x: c\r\ntraceparenttraceparenttraceparent: d\r\n")});
  cases.push_back({"white space before the colon of a context header", get("traceparent : x\r\n"), kBad, 0});
  cases.push_back({"context in a trailer is none", chunked("0\r\n" + kParent + "\r\n")});
  cases.push_back({"Upgrade", get("Connection: upgrade\r\nUpgrade: websocket\r\n")});
}

}  // namespace

std::vector<Http1Case> http1_cases() {
  std::vector<Http1Case> cases;
  add_request_lines(cases);
  add_lines(cases);
  add_lengths(cases);
  add_chunks(cases);
  add_responses(cases);
  add_context(cases);
  return cases;
}

}  // namespace weft::test
