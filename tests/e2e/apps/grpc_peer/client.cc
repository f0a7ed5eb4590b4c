// SPDX-License-Identifier: Apache-2.0
// grpc_peer call mode=sync|async port=PORT [kind=Unary] [count=1] [at_once=1] [first=1] [bytes=10] [messages=10]
//   [pause_ms=0] [deadline_ms=0] [cancel=1] [work=sleep|fail] [own=1] [hold=1] [channels=1] [quiet=1]
//
// `kind` Mixed (sync): Unary and Both in turn.
// One object a call: its id, code, the metadata sent and seen (as text), messages and bytes received. `own`: with a
// traceparent that spells the id. `deadline_ms`: counted from when the connection stands. `cancel`: given up at the
// first answer. `hold` (async): none goes on before all have begun. `channels` (async): in turn. `quiet`: instead, how
// many calls were answered well, how many not, and how long all of it took.
#include <fmt/format.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "e2e/apps/grpc_peer/peer.h"
#include "peer.grpc.pb.h"

namespace weft::app {
namespace {

using test::Bytes;
using Clock = std::chrono::steady_clock;

// The request and what became of it.
struct Call {
  long id = 0;
  grpc::ClientContext context;
  std::multimap<std::string, std::string> sent;
  Bytes message;
  grpc::Status status;
  std::size_t messages = 0, bytes = 0;
  const bool gives_up;

  Call(long number, const Options& options) : id(number), gives_up(options.number("cancel")) {
    add("call-id", std::to_string(id));
    add("zz-text", std::string(static_cast<std::size_t>(id % 97), 'z') + std::to_string(id * 7));
    add("two", "first");
    add("two", "second");
    std::string binary;
    for (long i = 0; i < id % 50; i++) binary += static_cast<char>(i * id);
    add("data-bin", binary);
    if (const std::string work = options.text("work"); !work.empty()) add("work", work);
    if (options.number("own")) add("traceparent", fmt::format("00-7e57{:028x}-00f0{:012x}-01", id, id));
    message.set_data(
        std::string(static_cast<std::size_t>(options.number("bytes", 10)), static_cast<char>('a' + id % 26)));
    if (const long limit = options.number("deadline_ms"))
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(limit));
  }
  void add(const std::string& name, const std::string& value) {
    sent.emplace(name, value);
    context.AddMetadata(name, value);
  }
  void took(const Bytes& answer) {
    messages++;
    bytes += answer.data().size();
    if (gives_up) context.TryCancel();
  }
};

class Output {
 public:
  explicit Output(const Options& options) : quiet_(options.number("quiet")) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    const std::chrono::duration<double> taken = Clock::now() - begun_;
    if (quiet_) fmt::print("{{\"ok\": {}, \"failed\": {}, \"seconds\": {}}}\n", ok_, failed_, taken.count());
  }
  void note(const Call& call) {
    const std::lock_guard lock(mutex_);
    (call.status.ok() ? ok_ : failed_)++;
    if (quiet_) return;
    const Received& trailing = call.context.GetServerTrailingMetadata();
    const nlohmann::json line = {{"id", std::to_string(call.id)},
                                 {"code", static_cast<int>(call.status.error_code())},
                                 {"why", call.status.error_message()},
                                 {"sent", metadata_text(call.sent)},
                                 {"seen", value_of(trailing, "seen-bin")},
                                 {"back_seen", value_of(trailing, "back-seen-bin")},
                                 {"peer", value_of(trailing, "peer")},
                                 {"messages", call.messages},
                                 {"bytes", call.bytes}};
    std::puts(line.dump().c_str());
    std::fflush(stdout);
  }

 private:
  const bool quiet_;
  const Clock::time_point begun_ = Clock::now();
  std::mutex mutex_;
  std::size_t ok_ = 0, failed_ = 0;
};

void make(test::Peer::Stub& stub, const std::string& kind, long messages, Call& call) {
  Bytes out;
  if (kind == "Unary") {
    call.status = stub.Unary(&call.context, call.message, &out);
    if (call.status.ok()) call.took(out);
  } else if (kind == "Up") {
    const auto writer = stub.Up(&call.context, &out);
    for (long i = 0; i < messages && writer->Write(call.message); i++) continue;
    writer->WritesDone();
    call.status = writer->Finish();
    if (call.status.ok()) call.took(out);
  } else if (kind == "Down") {
    const auto reader = stub.Down(&call.context, call.message);
    while (reader->Read(&out)) call.took(out);
    call.status = reader->Finish();
  } else {
    const auto stream = stub.Both(&call.context);
    for (long i = 0; i < messages && stream->Write(call.message); i++) {
      if (!stream->Read(&out)) break;
      call.took(out);
    }
    stream->WritesDone();
    while (stream->Read(&out)) call.took(out);
    call.status = stream->Finish();
  }
}

// A call on a completion queue. All but unary ones write everything before they read.
class AsyncCall : public Call {
 public:
  AsyncCall(long number, const Options& options, const std::string& kind)
      : Call(number, options), unary_(kind == "Unary"), left_(kind == "Down" ? 1 : options.number("messages", 10)) {
    bool own = false;
    (void)grpc::SerializationTraits<Bytes>::Serialize(message, &buffer_, &own);
  }
  void start(grpc::GenericStub& stub, const std::string& method, grpc::CompletionQueue& queue) {
    if (unary_) {
      step_ = Step::FINISH;
      reader_ = stub.PrepareUnaryCall(&context, method, buffer_, &queue);
      reader_->StartCall();
      reader_->Finish(&in_, &status, this);
      return;
    }
    stream_ = stub.PrepareCall(&context, method, &queue);
    stream_->StartCall(this);
  }
  bool begins() const { return step_ == Step::START; }
  // True: it is over.
  bool next(bool ok) {
    Bytes out;
    switch (step_) {
      case Step::START:
      case Step::WRITE:
        step_ = Step::WRITE;
        if (ok && left_-- > 0) {
          stream_->Write(buffer_, this);
          return false;
        }
        step_ = Step::READ;
        stream_->WritesDone(this);
        return false;
      case Step::READ:
        step_ = Step::READ_MORE;
        stream_->Read(&in_, this);
        return false;
      case Step::READ_MORE:
        if (ok && grpc::SerializationTraits<Bytes>::Deserialize(&in_, &out).ok()) {
          took(out);
          stream_->Read(&in_, this);
          return false;
        }
        step_ = Step::FINISH;
        stream_->Finish(&status, this);
        return false;
      case Step::FINISH:
        if (unary_ && status.ok() && grpc::SerializationTraits<Bytes>::Deserialize(&in_, &out).ok()) took(out);
    }
    return true;
  }

 private:
  enum class Step { START, WRITE, READ, READ_MORE, FINISH };
  const bool unary_;
  long left_;
  grpc::ByteBuffer buffer_, in_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader_;
  Step step_ = Step::START;
};

bool ends_early(const Options& options) { return options.number("deadline_ms") || options.number("cancel"); }

std::shared_ptr<grpc::Channel> channel_of(const Options& options) {
  std::shared_ptr<grpc::Channel> channel = channel_to(options.number("port"));
  if (options.number("deadline_ms")) channel->WaitForConnected(std::chrono::system_clock::now() + CONNECT_LIMIT);
  return channel;
}

// A call that is given up is over for its caller before that has been sent. What is sent in the order of its making has
// left when a later call is answered.
void flush(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  Bytes out;
  (void)test::Peer::NewStub(channel)->Unary(&context, {}, &out);
}

}  // namespace

int call(const Options& options) {
  const auto channel = channel_of(options);
  const auto stub = test::Peer::NewStub(channel);
  const std::string kind = options.text("kind", "Unary");
  const long first = options.number("first", 1), end = first + options.number("count", 1);
  Output output(options);
  std::atomic<long> next{first};
  const auto work = [&] {
    for (long id; (id = next++) < end;) {
      Call one(id, options);
      make(*stub, kind != "Mixed" ? kind : id % 2 ? "Both" : "Unary", options.number("messages", 10), one);
      output.note(one);
      std::this_thread::sleep_for(std::chrono::milliseconds(options.number("pause_ms")));
    }
  };
  std::vector<std::thread> threads;
  for (long i = 1; i < options.number("at_once", 1); i++) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (ends_early(options)) flush(channel);
  return 0;
}

int call_async(const Options& options) {
  const std::string kind = options.text("kind", "Unary"), method = "/weft.test.Peer/" + kind;
  const long first = options.number("first", 1), end = first + options.number("count", 1);
  const bool hold = options.number("hold");
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (long i = 0; i < options.number("channels", 1); i++) channels.push_back(channel_of(options));
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
  for (const auto& channel : channels) stubs.push_back(std::make_unique<grpc::GenericStub>(channel));
  Output output(options);
  grpc::CompletionQueue queue;
  std::vector<AsyncCall*> held;
  long next = first, open = 0;
  const auto start = [&] {
    auto* one = new AsyncCall(next, options, kind);
    open++;
    one->start(*stubs[static_cast<std::size_t>(next++) % stubs.size()], method, queue);
  };
  const long wanted = std::min(options.number("at_once", 1), end - first);
  while (open < wanted) start();
  void* tag = nullptr;
  for (bool ok = false; open && queue.Next(&tag, &ok);) {
    auto* one = static_cast<AsyncCall*>(tag);
    if (hold && one->begins() && ok) {
      held.push_back(one);
      if (static_cast<long>(held.size()) < wanted) continue;
      for (AsyncCall* waiting : held) waiting->next(true);
      held.clear();
      continue;
    }
    if (!one->next(ok)) continue;
    output.note(*one);
    delete one;
    open--;
    if (next < end) start();
  }
  if (ends_early(options))
    for (const auto& channel : channels) flush(channel);
  return 0;
}

}  // namespace weft::app
