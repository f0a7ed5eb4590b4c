// SPDX-License-Identifier: Apache-2.0
// An agent that knows three processes and does what tests tell it, with a control socket in a folder of its own.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "control/api_server.h"
#include "unit/store_spans.h"

namespace weft {

class FakeAgent final : public AgentControl {
 public:
  StatusReport status() override {
    StatusReport report;
    report.version = "0.1.0";
    report.pid = 42;
    report.uptime_ns = 90'000'000'000;
    std::lock_guard lock(mutex);
    report.healthy = told.healthy;
    if (!told.healthy) report.problems = {"exporter otlp: connection refused"};
    report.kernel_release = "6.18.0";
    report.mechanisms = {{"sk_msg", Probe::State::works, "attached to a test socket", "headers are injected", ""}};
    report.processes = {{"traced", 2}, {"seen", 1}};
    report.spans_total = 1000;
    report.spans_per_second = 12.5;
    report.losses = {{"ring_full", 3}};
    report.injections = {{"done", 500}, {"no_task", 2}};
    report.exporters = {{"otlp", {{"sent", 990}, {"dropped_queue_full", 10}}, 5, 2048, "", "http://box/v1/traces"}};
    return report;
  }
  std::vector<ProcessRow> processes() override {
    std::lock_guard lock(mutex);
    if (told.nothing_selected) return {{.pid = 200, .service = "web", .state = "seen", .reason = "no entry matches"}};
    if (told.nothing_learned)
      return {{.pid = 100, .service = "orders", .state = "traced", .reason = "attached by hand"},
              {.pid = 400,
               .service = "sdk",
               .state = "instrumented",
               .reason = "it makes its own spans: it exports them",
               .task_rule = "thread",
               .task_why = "its threads block"},
              {.pid = 500,
               .service = "loop",
               .state = "traced",
               .task_rule = "none",
               .task_why = "event loop",
               .http2_rule = "none",
               .http2_why = "event loop"}};
    return {
        {.pid = 100,
         .service = "orders",
         .executable = "/usr/bin/python3.11",
         .language = "python",
         .state = "traced",
         .reason = "exe_path /usr/bin/python3* (instrument entry 1)",
         .task_rule = "thread",
         .task_why = "blocking sockets",
         .http2_rule = "none",
         .http2_why = "several threads write",
         .protocols = {"http", "kafka"},
         .connections = 3,
         .calls =
             {.with_parent = 9, .roots = 1, .own_context = 2, .without_parent = {{"no_task", 4}, {"compressed", 7}}}},
        {.pid = 200, .service = "web", .executable = "/usr/sbin/nginx", .state = "seen", .reason = "no entry matches"},
        {.pid = 300, .service = "odd\x1b[31m\xff", .state = "refused", .reason = "another user namespace"}};
  }
  // A gRPC stream of orders, and a request of web of which nothing more is known.
  Result<std::vector<OpenSpan>> open_spans(const SpanFilter& filter, std::size_t limit) override {
    const auto open = [](SpanRecipe recipe) {
      auto span = std::make_shared<Span>(*make_span(recipe));
      span->end_unix_ns = 0;
      return span;
    };
    const auto stream = open({.trace = 1, .span = 9, .parent = 1, .service = "orders", .name = "shop.Stock/Watch"});
    stream->attributes.set("rpc.system.name", std::string("grpc"));
    std::lock_guard lock(mutex);
    if (told.busy) return fail("too busy");
    std::vector<OpenSpan> found;
    for (const OpenSpan& one :
         {OpenSpan{stream, 100, 3'723'000'000'000, StreamProgress{7, 4096, 1, 250}},
          OpenSpan{open({.trace = 3, .span = 8, .service = "web", .kind = SpanKind::client, .name = "GET\x1b[31m"}),
                   200, 5'000'000, std::nullopt}})
      if (found.size() < limit && filter.matches(*one.span)) found.push_back(one);
    return found;
  }
  Result<void> attach(pid_t pid) override { return act("attach", pid); }
  Result<void> detach(pid_t pid) override { return act("detach", pid); }

  SamplingReport sampling() override {
    std::lock_guard lock(mutex);
    SamplingReport report;
    report.view.ratio = told.ratio.value_or(0.1);
    report.view.source = told.ratio ? "set by hand" : "sampling.arg";
    ServicePlan plan{.rules = {{"GET", "/health*", 0, "rule 1"}}, .ratio = 0.5, .source = "jaeger_remote"};
    plan.max_per_second = 3;
    report.view.services = {{"orders", plan}};
    report.view.options.keep = {.services = {"*"}, .errors = true, .status = {{404, 404}, {500, 599}}};
    report.keep.kept = {{"error", 7}};
    report.view.options.jaeger_remote.endpoint = "http://jaeger:5778";
    report.remote.answers = 4;
    report.remote.last_error = "status 500";
    return report;
  }
  Result<void> set_sampling(std::optional<double> wanted, const std::string& service) override {
    if (service == "nobody") return fail("refused");
    std::lock_guard lock(mutex);
    told.ratio = wanted;
    told.actions.push_back("sampling " + service);
    return {};
  }

  std::unique_ptr<EventSubscription> subscribe_events(EventHandler handler) override {
    struct Subscription final : EventSubscription {
      Subscription(FakeAgent& agent, int id) : agent(agent), id(id) {}
      ~Subscription() override {
        std::lock_guard lock(agent.mutex);
        agent.handlers.erase(id);
      }
      FakeAgent& agent;
      const int id;
    };
    std::lock_guard lock(mutex);
    piece(handler, told.first_piece);
    handlers[next] = std::move(handler);
    return std::make_unique<Subscription>(*this, next++);
  }
  void emit(const std::string& text) {
    std::lock_guard lock(mutex);
    for (auto& [id, handler] : handlers) piece(handler, text);
  }
  std::size_t recorders() {
    std::lock_guard lock(mutex);
    return handlers.size();
  }

  PolicyControl* policy() override { return policy_control; }

  // What tests and requests have told it.
  struct Told {
    std::string first_piece = "HEADER";  // of a recording
    std::optional<double> ratio;         // set by hand
    bool healthy = true;
    bool nothing_selected = false;
    bool busy = false;
    bool nothing_learned = false;  // of what is traced
    std::vector<std::string> actions;
  };
  template <class Change>
  void tell(Change change) {
    std::lock_guard lock(mutex);
    change(told);
  }
  Told was_told() {
    std::lock_guard lock(mutex);
    return told;
  }

  PolicyControl* policy_control = nullptr;  // set before the server starts

 private:
  static void piece(EventHandler& handler, const std::string& text) {
    handler(EventBytes(reinterpret_cast<const std::byte*>(text.data()), text.size()));
  }
  Result<void> act(const char* what, pid_t pid) {
    if (pid == 404) return fail("no process 404");
    std::lock_guard lock(mutex);
    told.actions.push_back(what + std::string(" ") + std::to_string(pid));
    return {};
  }
  std::mutex mutex;
  Told told;
  std::map<int, EventHandler> handlers;
  int next = 0;
};

struct FakeDaemon {
  explicit FakeDaemon(ApiOptions options = {}, PolicyControl* policy = nullptr) {
    agent.policy_control = policy;
    char name[] = "/tmp/weft-control-XXXXXX";
    folder = mkdtemp(name);
    options.socket_path = folder + "/weft.sock";
    socket = options.socket_path;
    auto started = ApiServer::start(options, agent, store, routes);
    if (started) server = std::move(*started);
  }
  ~FakeDaemon() {
    server.reset();
    std::filesystem::remove_all(folder);
  }
  // Two traces: orders -> back with an error, and one of web.
  void add_spans() {
    for (const auto& recipe : {SpanRecipe{.trace = 1,
                                          .span = 2,
                                          .parent = 1,
                                          .start_ms = 1010,
                                          .length_ms = 20,
                                          .service = "back",
                                          .error = true,
                                          .name = "GET /stock",
                                          .method = "GET",
                                          .route = "/stock"},
                               SpanRecipe{.trace = 1,
                                          .span = 1,
                                          .start_ms = 1000,
                                          .length_ms = 100,
                                          .service = "orders",
                                          .name = "GET /orders/{id}",
                                          .method = "GET",
                                          .route = "/orders/{id}"},
                               SpanRecipe{.trace = 2,
                                          .span = 3,
                                          .start_ms = 2000,
                                          .length_ms = 5,
                                          .service = "web",
                                          .kind = SpanKind::client,
                                          .name = "GET"}}) {
      const auto span = make_span(recipe);
      store.offer(span);
      routes.offer(span);
    }
  }

  std::string folder, socket;
  ManualClock clock;
  FakeAgent agent;
  TraceStore store{100, 1 << 20};
  RoutesTable routes{clock};
  std::unique_ptr<ApiServer> server;
};

}  // namespace weft
