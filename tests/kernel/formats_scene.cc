// SPDX-License-Identifier: Apache-2.0
#include "kernel/formats_scene.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "wire/events.h"

namespace weft::test {
namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Serves one request after the other; each one's body says what is to be sent to the back end: length and bytes of each
// piece. Blocking, on one thread.
[[noreturn]] void serve(int listener, std::uint16_t back_port) {
  for (;;) {
    Fd client = accept_from(listener);
    const std::string head = read_head(client.get());
    const std::size_t at = head.find("Content-Length: ");
    std::string body;
    const std::size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    while (body.size() < length) {
      char buffer[4096];
      const ssize_t n = recv(client.get(), buffer, std::min(sizeof buffer, length - body.size()), 0);
      if (n <= 0) break;
      body.append(buffer, static_cast<std::size_t>(n));
    }
    if (!body.empty()) {
      Fd back = connect_to(back_port);
      set_option(back.get(), IPPROTO_TCP, TCP_NODELAY, 1);
      for (std::size_t from = 0; from + 4 <= body.size();) {
        std::uint32_t bytes;
        std::memcpy(&bytes, body.data() + from, 4);
        send_all(back.get(), std::string_view(body).substr(from + 4, bytes));
        from += 4 + bytes;
      }
      shutdown(back.get(), SHUT_WR);
      read_to_end(back.get());
    }
    send_all(client.get(), kAnswer);
  }
}

}  // namespace

Scene::Scene(const KernelOptions& options) : front_(listen_on_loopback()), back_(listen_on_loopback()) {
  auto agent = TestAgent::start(options, true);
  REQUIRE_MESSAGE(agent.has_value(), (agent ? "" : agent.error().message));
  agent_ = std::move(*agent);
  REQUIRE(agent_->sample(0).has_value());
  child_ = std::make_unique<ForkedChild>([this]() -> std::string { serve(front_.fd.get(), back_.port); });
  const auto traced = agent_->trace(child_->pid());
  REQUIRE_MESSAGE(traced.has_value(), (traced ? "" : traced.error().message));
  child_->go();
}

void Scene::sample_nothing_new() { REQUIRE(agent_->sample(SAMPLING_NEVER).has_value()); }

SeenRequest Scene::last(unsigned role) {
  const std::string target = fmt::format("/{}/{}", role == ROLE_SERVER ? "in" : "out", number_);
  for (int i = 0; i < 2000; i++) {
    for (const SeenRequest& request : agent_->requests())
      if (request.role == role && request.target == target) return request;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {};
}

Seen Scene::exchange(const std::vector<std::string>& incoming, const std::vector<std::string>& pieces) {
  number_++;
  std::string body;
  for (std::string piece : pieces) {
    if (const std::size_t at = piece.find("/out/#"); at != std::string::npos)
      piece.replace(at, 6, fmt::format("/out/{}", number_));
    const auto bytes = static_cast<std::uint32_t>(piece.size());
    body.append(reinterpret_cast<const char*>(&bytes), 4).append(piece);
  }
  std::string request = fmt::format("POST /in/{} HTTP/1.1\r\n", number_);
  for (const std::string& line : incoming) request += line + "\r\n";
  request += fmt::format("Content-Length: {}\r\n\r\n", body.size()) + body;
  Fd client = connect_to(front_.port);
  send_all(client.get(), request);
  Seen seen;
  if (!pieces.empty()) {
    Fd call = accept_from(back_.fd.get());
    seen.arrived = read_to_end(call.get());
    send_all(call.get(), kAnswer);
  }
  shutdown(client.get(), SHUT_WR);
  seen.answered = read_to_end(client.get());
  seen.server = last(ROLE_SERVER);
  if (!pieces.empty()) seen.client = last(ROLE_CLIENT);
  const std::string number = fmt::format("/out/{} ", number_);
  if (const std::size_t at = seen.arrived.find(number); at != std::string::npos)
    seen.arrived.replace(at, number.size(), "/out/# ");
  return seen;
}

std::string head(const std::vector<std::string>& lines) {
  std::string text = "GET /out/# HTTP/1.1\r\nHost: back\r\n";
  for (const std::string& line : lines) text += line + "\r\n";
  return text + "\r\n";
}

std::string padded(const std::string& value, std::size_t bytes) {
  return bytes > value.size() ? std::string(bytes - value.size(), ' ') + value : value;
}

}  // namespace weft::test
