// SPDX-License-Identifier: Apache-2.0
// A TCP server on loopback that reads HTTP requests and answers as badly as a test wants: the behaviour gets the bare
// socket.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace weft::test {

struct RawRequest {
  std::string head;                                 // request line and headers, with the blank line
  std::string body;                                 // by Content-Length
  std::string header(std::string_view name) const;  // "" when absent; name in any case
};

class RawServer {
 public:
  // Called for each request on a thread of the connection; false closes the connection.
  using Behaviour = std::function<bool(RawServer& server, int fd, const RawRequest& request)>;

  explicit RawServer(Behaviour behaviour);
  ~RawServer();  // ends every behaviour that uses send_text() or hang()
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::string url(std::string_view path = "/") const;
  int connections() const { return connections_; }
  std::vector<RawRequest> requests() const;

  // For behaviours. False: the peer is gone or the server ends.
  bool send_text(int fd, std::string_view text);
  bool answer(int fd, std::string_view status_line, std::string_view headers = "", std::string_view body = "");
  bool hang(int fd);                         // until the peer closes or the server ends; returns false
  bool drip(int fd, std::string_view head);  // then one byte every few ms, without end; returns false
  bool stopping() const { return stopping_; }

 private:
  void accept_loop();
  void serve(int fd);
  bool read_request(int fd, std::string& buffer, RawRequest& request);

  Behaviour behaviour_;
  int port_ = 0;
  int listener_ = -1;  // opening it sets port_
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  std::vector<RawRequest> requests_;
  std::vector<std::thread> workers_;
  std::thread acceptor_;
};

// A port on loopback where nothing listens.
int dead_port();

}  // namespace weft::test
