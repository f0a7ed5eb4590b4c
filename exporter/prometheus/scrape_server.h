// SPDX-License-Identifier: Apache-2.0
// GET /metrics, /healthz and /readyz, and nothing else.
#pragma once

#include <prometheus/collectable.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weft {

struct ListenAddress {
  std::string host;  // without brackets
  int port = 0;      // 0 = any free one
};

// "127.0.0.1:9464", "localhost:9464", "[::1]:9464", ":9464" (all addresses).
Result<ListenAddress> parse_listen_address(std::string_view text);

struct ScrapeOptions {
  std::string listen = "127.0.0.1:9464";
  std::string path = "/metrics";
  // Why the agent is not ready; nothing = ready. Called on the server's threads.
  std::function<std::optional<std::string>()> not_ready;
};

class ScrapeServer {
 public:
  // The sources outlive the server. A busy port or a bad address is one line for the user.
  static Result<std::unique_ptr<ScrapeServer>> start(ScrapeOptions options,
                                                     std::vector<const prometheus::Collectable*> sources);
  ~ScrapeServer();  // stops and joins
  ScrapeServer(const ScrapeServer&) = delete;
  ScrapeServer& operator=(const ScrapeServer&) = delete;

  int port() const;
  std::string url() const;  // http://127.0.0.1:9464/metrics

 private:
  struct Impl;
  explicit ScrapeServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft
