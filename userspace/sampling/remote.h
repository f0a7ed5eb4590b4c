// SPDX-License-Identifier: Apache-2.0
// Jaeger's remote sampling: a thread asks a server for the strategy of each traced service. An answer that is not
// whole, not valid or not in time changes nothing: what was known holds on.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "exporter/http_client.h"
#include "sampling/controller.h"

namespace weft {

// The body of GET /sampling?service=NAME. Errors say what is wrong with it.
Result<RemoteStrategy> parse_remote_strategy(std::string_view json);
// "http://host:5778" -> "http://host:5778/sampling"; a URL with a path is taken as it is.
std::string remote_sampling_url(const std::string& endpoint);

class RemoteSampling {
 public:
  // `controller` and `clock` outlive the object. Fails on a URL that is none.
  static Result<std::unique_ptr<RemoteSampling>> start(const JaegerRemoteOptions& options,
                                                       SamplingController& controller, const Clock& clock);
  ~RemoteSampling();

  RemoteSamplingState state() const;

 private:
  RemoteSampling(const JaegerRemoteOptions& options, SamplingController& controller, const Clock& clock);
  void run();
  bool ask(const std::string& service);  // false: the server is not there, do not ask for the others now
  void failed(const std::string& why);

  const JaegerRemoteOptions options_;
  SamplingController& controller_;
  const Clock& clock_;
  const std::string url_;
  std::unique_ptr<HttpClient> client_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  RemoteSamplingState state_;
  std::thread thread_;
};

}  // namespace weft
