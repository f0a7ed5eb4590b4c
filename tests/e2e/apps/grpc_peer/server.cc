// SPDX-License-Identifier: Apache-2.0
// The servers of grpc_peer. In its trailing metadata each answer says what metadata the request came with (seen-bin),
// on which connection (peer), and what the back saw of the call that was made for it (back-seen-bin).
#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/server_interceptor.h>

#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include "e2e/apps/grpc_peer/back.h"
#include "e2e/apps/grpc_peer/peer.h"
#include "e2e/apps/http.h"
#include "peer.grpc.pb.h"

namespace weft::app {
namespace {

using test::Bytes;

constexpr std::chrono::milliseconds SLEEP{3000}, LATER{300};

// Calls with an odd number wait until another one's handler lets them go on, on its own thread.
class Held {
 public:
  void take(grpc::experimental::InterceptorBatchMethods* call) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(call);
  }
  // False: there is none.
  bool go_on() {
    grpc::experimental::InterceptorBatchMethods* call = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (calls_.empty()) return false;
      call = calls_.back();
      calls_.pop_back();
    }
    call->Proceed();
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<grpc::experimental::InterceptorBatchMethods*> calls_;
} held;

class Holder final : public grpc::experimental::Interceptor {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* call) override {
    if (call->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      const std::string id = value_of(*call->GetRecvInitialMetadata(), "call-id");
      if (!id.empty() && (id.back() - '0') % 2) return held.take(call);
    }
    call->Proceed();
  }
};

struct Holders final : grpc::experimental::ServerInterceptorFactoryInterface {
  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo*) override {
    return new Holder;
  }
};

// What a handler calls for its request.
struct Onward {
  Back back;
  std::uint16_t leaf = 0;
  bool lasting = false;  // a thread of each request calls the leaf when that is long over

  void ask_leaf(const std::string& id, const char* call) const {
    Connection connection(connect_to(leaf));
    connection.write("GET /leaf?id=" + id + "&call=" + call + " HTTP/1.1\r\nHost: leaf\r\n\r\n");
    connection.read_message();
  }
};

grpc::Status answer(grpc::ServerContextBase& context, Onward& onward) {
  const Received& metadata = context.client_metadata();
  const std::string id = value_of(metadata, "call-id");
  context.AddTrailingMetadata("seen-bin", metadata_text(copied(metadata)));
  context.AddTrailingMetadata("peer", context.peer());
  if (value_of(metadata, "work") == "fail") return {grpc::StatusCode::INVALID_ARGUMENT, "not this"};
  held.go_on();
  if (onward.leaf) onward.ask_leaf(id, "0");
  if (onward.lasting)
    std::thread([&onward, id] {
      onward.ask_leaf(id, "early");
      std::this_thread::sleep_for(LATER);
      onward.ask_leaf(id, "late");
    }).detach();
  if (onward.back) {
    const std::string seen = onward.back.call(id);
    if (seen.empty()) return {grpc::StatusCode::INTERNAL, "the back does not answer"};
    context.AddTrailingMetadata("back-seen-bin", seen);
  }
  return grpc::Status::OK;
}

class Service : public test::Peer::Service {
 public:
  void use(Onward& onward) { onward_ = &onward; }

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
    return answer(context, *onward_);
  }

 protected:
  Onward* onward_ = nullptr;
};

// Its handlers call on threads of the library that do more than one thing at a time.
class Reactors : public test::Peer::WithCallbackMethod_Unary<Service> {
 public:
  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const Bytes* in, Bytes* out) override {
    *out = *in;
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(answer(*context, *onward_));
    return reactor;
  }
};

// A call of the generic service. `next` is told that its one operation is over.
class AsyncCall {
 public:
  AsyncCall(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue, Onward& onward)
      : service_(service), queue_(queue), onward_(onward) {
    service_.RequestCall(&context_, &stream_, &queue_, &queue_, this);
  }
  void next(bool ok) {
    switch (step_) {
      case Step::BEGIN:
        if (!ok) break;
        new AsyncCall(service_, queue_, onward_);
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
        stream_.Finish(answer(context_, onward_), this);
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
  Onward& onward_;
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
  Onward onward{.back = Back(options.number("back")),
                .leaf = static_cast<std::uint16_t>(options.number("leaf")),
                .lasting = options.number("lasting") != 0};
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(-1);
  if (const long age = options.number("age_ms")) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, static_cast<int>(age));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 5000);
  }
  Service service;
  service.use(onward);
  Reactors reactors;
  reactors.use(onward);
  grpc::AsyncGenericService generic;
  std::unique_ptr<grpc::ServerCompletionQueue> queue;
  if (options.text("mode") == "async") {
    builder.RegisterAsyncGenericService(&generic);
    queue = builder.AddCompletionQueue();
  } else if (options.text("mode") == "callback") {
    builder.RegisterService(&reactors);
  } else {
    builder.RegisterService(&service);
  }
  if (options.number("hold")) {
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> holders;
    holders.push_back(std::make_unique<Holders>());
    builder.experimental().SetInterceptorCreators(std::move(holders));
    std::thread([] {  // for which nobody comes any more
      for (;;) {
        std::this_thread::sleep_for(LATER);
        while (held.go_on()) continue;
      }
    })
        .detach();
  }
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server) return 1;
  std::printf("%d\n", port);
  std::fflush(stdout);
  if (!queue) {
    server->Wait();
    return 0;
  }
  new AsyncCall(generic, *queue, onward);
  const auto handle = [&] {
    void* tag = nullptr;
    for (bool ok = false; queue->Next(&tag, &ok);) static_cast<AsyncCall*>(tag)->next(ok);
  };
  std::vector<std::thread> threads;
  for (long i = 1; i < options.number("threads", 1); i++) threads.emplace_back(handle);
  handle();
  return 0;
}

}  // namespace weft::app
