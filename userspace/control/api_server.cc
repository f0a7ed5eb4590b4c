// SPDX-License-Identifier: Apache-2.0
#include "control/api_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <thread>

#include "control/api_answers.h"
#include "control/api_json.h"
#include "control/api_policy.h"
#include "control/api_sampling.h"
#include "control/api_streams.h"
#include "control/growing_pool.h"
#include "control/unix_socket.h"
#include "exporter/console/span_json.h"
#include "exporter/signals_blocked.h"

namespace weft {
namespace {

constexpr std::size_t kMostItems = 10'000;  // of one answer
constexpr std::size_t kMostOpen = 1'000;    // … for which the event loop stands still

// Query parameters. The first bad one is kept as `problem`.
class Query {
 public:
  explicit Query(const httplib::Request& request) : request_(request) {}

  std::string text(const char* name) const { return request_.get_param_value(name); }

  bool flag(const char* name) {
    if (!request_.has_param(name)) return false;
    const std::string value = text(name);
    if (value == "0" || value == "false") return false;
    if (!value.empty() && value != "1" && value != "true") bad(name);
    return true;
  }

  std::uint64_t number(const char* name, std::uint64_t fallback, std::uint64_t most) {
    const std::string value = text(name);
    if (value.empty()) return fallback;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size() || number > most) bad(name);
    return number;
  }

  void bad(const char* name) {
    if (problem.empty()) problem = fmt::format("{}: '{}' is not valid", name, text(name));
  }

  std::string problem;

 private:
  const httplib::Request& request_;
};

SpanFilter span_filter(Query& query) {
  SpanFilter filter;
  filter.service = query.text("service");
  filter.error = query.flag("error");
  if (const auto id = query.text("trace_id"); !id.empty()) {
    filter.trace_id = TraceId::parse(id);
    if (!filter.trace_id) query.bad("trace_id");
  }
  if (const auto kind = query.text("kind"); !kind.empty()) {
    filter.kind = parse_span_kind(kind);
    if (!filter.kind) query.bad("kind");
  }
  return filter;
}

class HttpApi final : public ApiServer {
 public:
  HttpApi(const ApiOptions& options, AgentControl& agent, TraceStore& store, RoutesTable& routes)
      : options_(options), agent_(agent), store_(store), routes_(routes), streams_(std::make_shared<StreamState>()) {}

  ~HttpApi() override {
    streams_->stopping = true;
    if (!thread_.joinable()) return;
    server_.stop();
    shut_connections_of(bound_path_);
    thread_.join();
  }

  std::uint64_t events_lost() const override { return streams_->events_lost + store_.counters().follower_lost_spans; }

  Result<void> start() {
    if (auto prepared = prepare_socket_path(options_.socket_path); !prepared) return prepared;
    bound_path_ = temporary_socket_path(options_.socket_path);
    unlink(bound_path_.c_str());
    configure();
    errno = 0;
    if (!server_.bind_to_port(bound_path_, 80)) {  // the port means nothing here, but must not be 0
      return fail(fmt::format("control socket: {}: {}", options_.socket_path, std::strerror(errno)));
    }
    listen(listening_fd_, 64);  // the library's own backlog is 5
    auto file = SocketFile::install(bound_path_, options_.socket_path);
    if (!file) return std::unexpected(file.error());
    file_.emplace(std::move(*file));
    const SignalsBlocked for_the_threads;
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      ended_ = true;
    });
    while (!server_.is_running() && !ended_) std::this_thread::yield();  // stop() before that would be lost
    return {};
  }

 private:
  void configure() {
    server_.set_address_family(AF_UNIX);
    // Before bind, so that the file is never there with another mode.
    server_.set_socket_options([this](int fd) {
      fchmod(fd, 0600);
      listening_fd_ = fd;
    });
    server_.new_task_queue = [this] { return new GrowingPool(options_.max_workers, options_.max_workers); };
    // One request a connection: a client that stays on without asking must not hold a thread.
    server_.set_keep_alive_max_count(1);
    server_.set_keep_alive_timeout(2);
    server_.set_read_timeout(5);
    server_.set_write_timeout(10);
    server_.set_payload_max_length(1u << 20);
    server_.set_exception_handler([](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
      refuse(response, 500, "internal error");
    });
    server_.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (response.body.empty()) refuse(response, response.status, fmt::format("no such resource: {}", request.path));
    });
    route_reads();
    route_actions();
  }

  void route_reads() {
    server_.Get("/v1/status", [this](const auto&, auto& response) {
      answer(response, status_json(agent_.status(), store_.counters()));
    });
    server_.Get("/v1/processes",
                [this](const auto&, auto& response) { answer(response, processes_json(agent_.processes())); });
    server_.Get("/v1/routes", [this](const auto&, auto& response) { answer(response, routes_json(routes_.rows())); });
    server_.Get("/v1/spans", [this](const auto& request, auto& response) { spans(request, response); });
    server_.Get("/v1/traces", [this](const auto& request, auto& response) { traces(request, response); });
    server_.Get("/v1/traces/([^/]{1,64})", [this](const auto& request, auto& response) { trace(request, response); });
    server_.Get("/v1/events", [this](const auto&, auto& response) {
      auto place = take_stream_place(streams_, options_.max_followers);
      if (!place) return refuse(response, 503, "too many streams are open");
      stream_events(response, agent_, options_.follower_event_bytes, streams_, std::move(place));
    });
  }

  void route_actions() {
    server_.Post("/v1/processes/([0-9]{1,9})/(attach|detach)", [this](const auto& request, auto& response) {
      const pid_t pid = std::stoi(request.matches[1]);
      const bool attach = request.matches[2] == "attach";
      const Result<void> done = attach ? agent_.attach(pid) : agent_.detach(pid);
      if (!done) return refuse(response, 409, done.error().message);
      answer(response, fmt::format(R"({{"pid":{},"done":"{}"}})", pid, attach ? "attach" : "detach"));
    });
    route_policy(server_, agent_.policy());
    server_.Get("/v1/sampling",
                [this](const auto&, auto& response) { answer(response, sampling_json(agent_.sampling())); });
    server_.Put("/v1/sampling", [this](const auto& request, auto& response) {
      const auto order = parse_sampling_order(request.body);
      if (!order) return refuse(response, 400, order.error().message);
      if (auto done = agent_.set_sampling(order->ratio, order->service); !done)
        return refuse(response, 400, done.error().message);
      answer(response, sampling_json(agent_.sampling()));
    });
  }

  void spans(const httplib::Request& request, httplib::Response& response) {
    Query query(request);
    if (query.flag("open")) return open_spans(query, response);
    const bool follow = query.flag("follow");
    const auto limit = query.number("limit", follow ? 0 : 100, kMostItems);
    const SpanFilter filter = span_filter(query);
    if (!query.problem.empty()) return refuse(response, 400, query.problem);
    if (!follow) {
      std::string lines;
      for (const auto& span : store_.spans(filter, limit)) lines += span_json(*span) + "\n";
      return response.set_content(lines, "application/x-ndjson");
    }
    auto place = take_stream_place(streams_, options_.max_followers);
    if (!place) return refuse(response, 503, "too many streams are open");
    auto follower = store_.follow(filter, options_.follower_spans);
    stream_spans(response, store_.spans(filter, limit), std::move(follower), streams_, std::move(place));
  }

  void open_spans(Query& query, httplib::Response& response) {
    const auto limit = query.number("limit", 100, kMostOpen);
    const SpanFilter filter = span_filter(query);
    if (filter.error || query.flag("follow")) query.bad("open");
    if (!query.problem.empty()) return refuse(response, 400, query.problem);
    const auto open = agent_.open_spans(filter, limit);
    if (!open) return refuse(response, 503, open.error().message);
    std::string lines;
    for (const OpenSpan& one : *open) lines += open_span_json(one) + "\n";
    response.set_content(lines, "application/x-ndjson");
  }

  void traces(const httplib::Request& request, httplib::Response& response) {
    Query query(request);
    TraceFilter filter;
    filter.service = query.text("service");
    filter.error = query.flag("error");
    filter.min_duration_ns = query.number("min_duration_nano", 0, ~std::uint64_t{0});
    const auto limit = query.number("limit", 50, kMostItems);
    if (!query.problem.empty()) return refuse(response, 400, query.problem);
    answer(response, traces_json(store_.traces(filter, limit)));
  }

  void trace(const httplib::Request& request, httplib::Response& response) {
    const std::string text = request.matches[1];
    const auto id = TraceId::parse(text);
    if (!id) return refuse(response, 400, fmt::format("'{}' is no trace id (32 hex digits)", text));
    // First what is open: what ends meanwhile is in the store then.
    const auto open = agent_.open_spans({.trace_id = id}, kMostOpen);
    const auto spans = store_.trace(*id);
    if (spans.empty() && open && open->empty())
      return refuse(response, 404, fmt::format("no trace {} among the recent ones", id->hex()));
    if (spans.empty() && !open) return refuse(response, 503, open.error().message);
    answer(response, trace_json(*id, spans, open));
  }

  const ApiOptions options_;
  AgentControl& agent_;
  TraceStore& store_;
  RoutesTable& routes_;
  const std::shared_ptr<StreamState> streams_;
  std::string bound_path_;
  int listening_fd_ = -1;  // owned by server_
  httplib::Server server_;
  std::optional<SocketFile> file_;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<ApiServer>> ApiServer::start(const ApiOptions& options, AgentControl& agent, TraceStore& store,
                                                    RoutesTable& routes) {
  auto server = std::make_unique<HttpApi>(options, agent, store, routes);
  if (auto started = server->start(); !started) return std::unexpected(started.error());
  return server;
}

}  // namespace weft
