// SPDX-License-Identifier: Apache-2.0
// Requests of megabytes in one call of many pieces, as gRPC sends them: the kernel brings them to the program with all
// the scatter elements it has, and before anything can be inserted some have to become one.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/http2/hpack_blocks.h"
#include "support/traffic/agent.h"
#include "support/traffic/compare.h"
#include "support/traffic/http2_compare.h"
#include "support/traffic/process.h"

namespace weft::test {
namespace {

constexpr std::size_t kBody = 4u << 20, kSmallBody = 100, kPiece = 8192, kFrame = 16384;

// Everything in one sendmsg; a blocking one takes all of it.
bool send_in_pieces(int fd, const std::string& text) {
  std::vector<iovec> pieces;
  for (std::size_t at = 0; at < text.size(); at += kPiece)
    pieces.push_back({const_cast<char*>(text.data()) + at, std::min(kPiece, text.size() - at)});
  msghdr header{};
  header.msg_iov = pieces.data();
  header.msg_iovlen = pieces.size();
  return sendmsg(fd, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

// What the peer receives of each connection's one send.
std::vector<std::string> received(const std::vector<Stream>& streams) {
  const Listener listener = listen_on_loopback();
  ForkedChild client([&]() -> std::string {
    for (const Stream& stream : streams) {
      const Fd fd = connect_to(listener.port);
      if (!send_in_pieces(fd.get(), stream.bytes)) return "not taken whole";
      shutdown(fd.get(), SHUT_WR);
      if (!read_to_end(fd.get()).empty()) return "unexpected answer";
    }
    return "done";
  });
  auto agent = TestAgent::start();
  REQUIRE_MESSAGE(agent.has_value(), (agent ? "" : agent.error().message));
  const auto traced = (*agent)->trace(client.pid());
  REQUIRE_MESSAGE(traced.has_value(), (traced ? "" : traced.error().message));
  client.go();
  std::vector<std::string> got;
  for (std::size_t i = 0; i < streams.size(); i++) got.push_back(read_to_end(accept_from(listener.fd.get()).get()));
  CHECK(client.result() == "done");
  MESSAGE((*agent)->summary());
  return got;
}

template <class Comparer>
void each_gets_its_context(const std::vector<Stream>& streams) {
  const std::vector<std::string> got = received(streams);
  for (std::size_t i = 0; i < streams.size(); i++) {
    Comparer comparer(streams[i], "");
    comparer.feed(got[i]);
    comparer.finish();
    INFO("connection " << i << ": " << comparer.fault());
    CHECK(comparer.tally().faults() == 0);
    CHECK(comparer.tally().requests == streams[i].messages.size());
    CHECK(comparer.tally().injected == (without_agent() ? 0 : streams[i].messages.size()));
  }
}

void add_http1(Stream& out, std::size_t body) {
  Message message;
  message.begin = out.bytes.size();
  out.bytes += fmt::format("POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body);
  message.head_end = out.bytes.size();
  for (std::size_t i = 0; i < body; i++) out.bytes += static_cast<char>(i * 31 + i / 251);
  message.end = out.bytes.size();
  out.messages.push_back(message);
}

void add_frame(std::string& out, unsigned type, unsigned flags, std::uint32_t stream, std::string_view payload) {
  const std::size_t n = payload.size();
  for (const std::size_t byte : {n >> 16, n >> 8, n, std::size_t{type}, std::size_t{flags}, std::size_t{stream >> 24},
                                 std::size_t{stream >> 16}, std::size_t{stream >> 8}, std::size_t{stream}})
    out += static_cast<char>(byte);
  out += payload;
}

void add_http2(Stream& out, std::size_t body) {
  if (out.bytes.empty()) {
    out.bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    add_frame(out.bytes, 4, 0, 0, "");
  }
  Message message;
  message.begin = out.bytes.size();
  const auto stream = static_cast<std::uint32_t>(out.messages.size() * 2 + 1);
  Bytes fields{0x83, 0x86};
  put_literal(fields, Literal::without, 4, "", "/pkg.Service/Large", false, false);
  put_literal(fields, Literal::without, 1, "", "localhost", false, false);
  put_literal(fields, Literal::without, 31, "", "application/grpc", false, false);
  add_frame(out.bytes, 1, 4, stream, std::string(fields.begin(), fields.end()));
  message.head_end = out.bytes.size();
  for (std::size_t at = 0; at < body; at += kFrame) {
    const std::size_t n = std::min(kFrame, body - at);
    std::string payload;
    for (std::size_t i = at; i < at + n; i++) payload += static_cast<char>(i * 31 + i / 251);
    add_frame(out.bytes, 0, at + n == body ? 1 : 0, stream, payload);
  }
  message.end = out.bytes.size();
  out.messages.push_back(message);
}

// Alone, and behind a small one: then the insertion is not at the message's beginning.
template <class Add>
std::vector<Stream> large_ones(Add add) {
  std::vector<Stream> streams(4);
  for (std::size_t i = 0; i < streams.size(); i++) {
    if (i % 2) add(streams[i], kSmallBody);
    add(streams[i], kBody);
  }
  return streams;
}

TEST_CASE("HTTP/1.1: a request within a send of many pieces gets its context") {
  each_gets_its_context<StreamComparer>(large_ones(add_http1));
}

TEST_CASE("HTTP/2: a call within a send of many pieces gets its context") {
  each_gets_its_context<Http2Comparer>(large_ones(add_http2));
}

}  // namespace
}  // namespace weft::test
