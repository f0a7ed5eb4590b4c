// SPDX-License-Identifier: Apache-2.0
// What client and servers of grpc_peer have in common: options, metadata as text.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <map>
#include <string>
#include <string_view>

namespace weft::app {

// name=value, each an argument.
class Options {
 public:
  Options(int count, char** arguments);
  std::string text(const std::string& name, std::string_view otherwise = "") const;
  long number(const std::string& name, long otherwise = 0) const;

 private:
  std::map<std::string, std::string> values_;
};

inline constexpr int DOWN_MESSAGES = 10;
inline constexpr std::chrono::seconds CONNECT_LIMIT{10};

using Received = std::multimap<grpc::string_ref, grpc::string_ref>;

std::string hex(std::string_view bytes);
// "name=value in hexadecimal" a line, in the order of the map; without what gRPC adds by itself.
std::string metadata_text(const std::multimap<std::string, std::string>& metadata);
std::multimap<std::string, std::string> copied(const Received& metadata);
// The first value of a name, or nothing.
std::string value_of(const Received& metadata, std::string_view name);
// A channel of its own: others to the same address do not share its connection.
std::shared_ptr<grpc::Channel> channel_to(long port, const std::string& service_config = "");

int serve(const Options& options);
int front(const Options& options);
int call(const Options& options);
int call_async(const Options& options);

}  // namespace weft::app
