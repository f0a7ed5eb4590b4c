// SPDX-License-Identifier: Apache-2.0
// grpc_peer: gRPC of the C++ library, both sides; the same service and options as servers/grpc_peer.py.
//
//   serve mode=sync|async|callback [back=PORT] [leaf=PORT] [lasting=1] [hold=1] [threads=N] [age_ms=N]
//                                       prints its port. With `back` each call makes one of its own, with `leaf` one by
//                                       HTTP/1.1; with `lasting` a thread of each does so when it is long over. With
//                                       `callback` unary ones are handled by reactors, others by threads that block.
//                                       With `hold` an interceptor keeps every second one until another one's handler
//                                       lets it go on, on its thread. With `age_ms` connections are told to go after
//                                       that time.
//   front back=PORT [channels=N] [twice=1]  HTTP/1.1, a thread a connection: a request for /work?id=…&via=N makes a
//   call by
//                                       channel N and is answered with what the back saw. &work=fail fails (with
//                                       `twice` it is tried again), &bytes=N is its message; &gives_up=1: after two
//                                       calls, one of them on another thread, that are cancelled before they leave
//   call mode=sync|async port=PORT …    prints an object for each call (see client.cc)
#include <cstdio>
#include <string_view>

#include "e2e/apps/grpc_peer/peer.h"

namespace weft::app {

Options::Options(int count, char** arguments) {
  for (int i = 0; i < count; i++) {
    const std::string_view argument = arguments[i];
    const std::size_t end = argument.find('=');
    if (end != std::string_view::npos) values_.emplace(argument.substr(0, end), argument.substr(end + 1));
  }
}

std::string Options::text(const std::string& name, std::string_view otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string(otherwise) : found->second;
}

long Options::number(const std::string& name, long otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? otherwise : std::stol(found->second);
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string metadata_text(const std::multimap<std::string, std::string>& metadata) {
  std::string text;
  for (const auto& [name, value] : metadata)
    if (name != "user-agent" && name != "accept-encoding" && !name.starts_with("grpc-"))
      text += name + "=" + hex(value) + "\n";
  return text;
}

std::multimap<std::string, std::string> copied(const Received& metadata) {
  std::multimap<std::string, std::string> copy;
  for (const auto& [name, value] : metadata)
    copy.emplace(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
  return copy;
}

std::string value_of(const Received& metadata, std::string_view name) {
  const auto found = metadata.find(grpc::string_ref(name.data(), name.size()));
  return found == metadata.end() ? "" : std::string(found->second.data(), found->second.size());
}

std::shared_ptr<grpc::Channel> channel_to(long port, const std::string& service_config) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  if (!service_config.empty()) arguments.SetServiceConfigJSON(service_config);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace weft::app

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::string_view what = argv[1];
  const weft::app::Options options(argc - 2, argv + 2);
  if (what == "serve") return weft::app::serve(options);
  if (what == "front") return weft::app::front(options);
  if (what == "call")
    return options.text("mode") == "async" ? weft::app::call_async(options) : weft::app::call(options);
  return 2;
}
