// SPDX-License-Identifier: Apache-2.0
// What a server or a front of grpc_peer calls.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "e2e/apps/grpc_peer/peer.h"
#include "peer.grpc.pb.h"

namespace weft::app {

class Back {
 public:
  // Connected before the first call: else a thread of the library sends that one.
  explicit Back(long port, const std::string& service_config = "") {
    if (!port) return;
    const std::shared_ptr<grpc::Channel> channel = channel_to(port, service_config);
    channel->WaitForConnected(std::chrono::system_clock::now() + CONNECT_LIMIT);
    stub_ = test::Peer::NewStub(channel);
  }
  explicit operator bool() const { return stub_ != nullptr; }
  // What it saw; empty: it did not answer. `work` as the server knows it, `bytes` of a message.
  std::string call(const std::string& id, const std::string& work = "", std::size_t bytes = 0, bool gives_up = false) {
    grpc::ClientContext context;
    context.AddMetadata("call-id", id);
    if (!work.empty()) context.AddMetadata("work", work);
    test::Bytes in, out;
    in.set_data(bytes ? std::string(bytes, 'x') : id);
    if (gives_up) context.TryCancel();
    (void)stub_->Unary(&context, in, &out);
    return value_of(context.GetServerTrailingMetadata(), "seen-bin");
  }

 private:
  std::unique_ptr<test::Peer::Stub> stub_;
};

}  // namespace weft::app
