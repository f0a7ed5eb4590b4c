// SPDX-License-Identifier: Apache-2.0
// The servers of grpc_peer. In its trailing metadata each answer says what metadata the request came with (seen-bin),
// on which connection (peer), and what the back saw of the call that was made for it (back-seen-bin).
#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "e2e/apps/grpc_peer/back.h"
#include "e2e/apps/grpc_peer/peer.h"
#include "peer.grpc.pb.h"

namespace weft::app {
namespace {

using test::Bytes;

constexpr std::chrono::milliseconds SLEEP{3000};

grpc::Status answer(grpc::ServerContext& context, Back& back) {
  const Received& metadata = context.client_metadata();
  context.AddTrailingMetadata("seen-bin", metadata_text(copied(metadata)));
  context.AddTrailingMetadata("peer", context.peer());
  if (value_of(metadata, "work") == "fail") return {grpc::StatusCode::INVALID_ARGUMENT, "not this"};
  if (back) {
    const std::string seen = back.call(value_of(metadata, "call-id"));
    if (seen.empty()) return {grpc::StatusCode::INTERNAL, "the back does not answer"};
    context.AddTrailingMetadata("back-seen-bin", seen);
  }
  return grpc::Status::OK;
}

class Service final : public test::Peer::Service {
 public:
  explicit Service(Back& back) : back_(back) {}

  grpc::Status Unary(grpc::ServerContext* context, const Bytes* in, Bytes* out) override {
    *out = *in;
    return done(*context);
  }
  grpc::Status Up(grpc::ServerContext* context, grpc::ServerReader<Bytes>* reader, Bytes* out) override {
    std::size_t bytes = 0;
    for (Bytes in; reader->Read(&in);) bytes += in.data().size();
    out->set_data(std::to_string(bytes));
    return done(*context);
  }
  grpc::Status Down(grpc::ServerContext* context, const Bytes* in, grpc::ServerWriter<Bytes>* writer) override {
    for (int i = 0; i < DOWN_MESSAGES; i++) writer->Write(*in);
    return done(*context);
  }
  grpc::Status Both(grpc::ServerContext* context, grpc::ServerReaderWriter<Bytes, Bytes>* stream) override {
    for (Bytes in; stream->Read(&in);) stream->Write(in);
    return done(*context);
  }

 private:
  grpc::Status done(grpc::ServerContext& context) {
    const auto until = std::chrono::steady_clock::now() + SLEEP;
    if (value_of(context.client_metadata(), "work") == "sleep")
      while (!context.IsCancelled() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return answer(context, back_);
  }

  Back& back_;
};

// A call of the generic service. `next` is told that its one operation is over.
class AsyncCall {
 public:
  AsyncCall(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue, Back& back)
      : service_(service), queue_(queue), back_(back) {
    service_.RequestCall(&context_, &stream_, &queue_, &queue_, this);
  }
  void next(bool ok) {
    switch (step_) {
      case Step::BEGIN:
        if (!ok) break;
        new AsyncCall(service_, queue_, back_);
        step_ = Step::READ;
        stream_.Read(&buffer_, this);
        return;
      case Step::READ_ON:
        step_ = Step::READ;
        stream_.Read(&buffer_, this);
        return;
      case Step::READ:
        if (ok && echoes()) {
          step_ = Step::READ_ON;
          stream_.Write(buffer_, this);
          return;
        }
        if (ok) {
          (void)grpc::SerializationTraits<Bytes>::Deserialize(&buffer_, &in_);
          bytes_ += in_.data().size();
          stream_.Read(&buffer_, this);
          return;
        }
        step_ = Step::WRITE;
        make_answers();
        [[fallthrough]];
      case Step::WRITE:
        if (at_ < out_.size()) {
          grpc::ByteBuffer buffer;
          bool own = false;
          (void)grpc::SerializationTraits<Bytes>::Serialize(out_[at_++], &buffer, &own);
          stream_.Write(buffer, this);
          return;
        }
        if (value_of(context_.client_metadata(), "work") == "sleep" && !slept_) {
          slept_ = true;
          alarm_.Set(&queue_, std::chrono::system_clock::now() + SLEEP, this);
          return;
        }
        step_ = Step::END;
        stream_.Finish(answer(context_, back_), this);
        return;
      case Step::END:
        break;
    }
    delete this;
  }

 private:
  enum class Step { BEGIN, READ, READ_ON, WRITE, END };

  bool echoes() const { return !context_.method().ends_with("/Up") && !context_.method().ends_with("/Down"); }

  void make_answers() {
    if (echoes()) return;
    out_.assign(context_.method().ends_with("/Up") ? 1 : DOWN_MESSAGES, in_);
    if (context_.method().ends_with("/Up")) out_[0].set_data(std::to_string(bytes_));
  }

  grpc::AsyncGenericService& service_;
  grpc::ServerCompletionQueue& queue_;
  Back& back_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer buffer_;
  grpc::Alarm alarm_;
  Bytes in_;
  std::vector<Bytes> out_;
  std::size_t bytes_ = 0, at_ = 0;
  Step step_ = Step::BEGIN;
  bool slept_ = false;
};

}  // namespace

int serve(const Options& options) {
  Back back(options.number("back"));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(-1);
  if (const long age = options.number("age_ms")) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, static_cast<int>(age));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 5000);
  }
  Service service(back);
  grpc::AsyncGenericService generic;
  std::unique_ptr<grpc::ServerCompletionQueue> queue;
  if (options.text("mode") == "async") {
    builder.RegisterAsyncGenericService(&generic);
    queue = builder.AddCompletionQueue();
  } else {
    builder.RegisterService(&service);
  }
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server) return 1;
  std::printf("%d\n", port);
  std::fflush(stdout);
  if (!queue) {
    server->Wait();
    return 0;
  }
  new AsyncCall(generic, *queue, back);
  void* tag = nullptr;
  for (bool ok = false; queue->Next(&tag, &ok);) static_cast<AsyncCall*>(tag)->next(ok);
  return 0;
}

}  // namespace weft::app
