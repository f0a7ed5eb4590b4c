// SPDX-License-Identifier: Apache-2.0
// The program `weft` against a control API with an agent that only pretends: output, JSON shapes, exit codes.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <thread>

#include "kernel/recording.h"
#include "unit/cli_run.h"
#include "unit/control_fake_agent.h"

using namespace weft;
using nlohmann::json;

namespace {

constexpr const char* kTrace = "00000000000000000000000000000001";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Finished ask(const FakeDaemon& daemon, std::vector<std::string> arguments) {
  return run_weft(arguments, daemon.socket);
}

std::string bytes_text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string file_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("weft status: a summary, JSON, YAML; exit code 1 when not well") {
  FakeDaemon daemon;
  const auto table = ask(daemon, {"status"});
  CHECK(table.exit_code == 0);
  CHECK(has(table.out, "weft 0.1.0, pid 42, up 1m 30s, kernel 6.18.0"));
  CHECK(has(table.out, "health             ok"));
  CHECK(has(table.out, "processes          1 seen, 2 traced"));
  CHECK(has(table.out, "losses             3 ring_full"));
  CHECK(has(table.out, "exporter otlp      10 dropped_queue_full, 990 sent; 5 of 2048 queued"));
  CHECK_FALSE(has(table.out, "\x1b"));  // no terminal, no colours
  const json status = json::parse(ask(daemon, {"status", "-o", "json"}).out);
  CHECK(status["spans"]["total"] == 1000);
  CHECK(has(ask(daemon, {"status", "-o", "yaml"}).out, "\nhealthy: true\n"));
  daemon.agent.tell([&](auto& told) { told.healthy = false; });
  const auto ill = ask(daemon, {"status"});
  CHECK(ill.exit_code == 1);
  CHECK(has(ill.out, "exporter otlp: connection refused"));
}

TEST_CASE("weft spans --open: what is not over, for how long and with how many messages") {
  FakeDaemon daemon;
  daemon.add_spans();
  const auto table = ask(daemon, {"spans", "--open"});
  CHECK(table.exit_code == 0);
  std::istringstream lines(table.out);
  std::string title, first, second;
  std::getline(lines, title), std::getline(lines, first), std::getline(lines, second);
  CHECK(std::regex_match(title, std::regex("OPEN FOR +SERVICE +KIND +SENT +ANSWERED +TRACE +SPAN +NAME")));
  CHECK(std::regex_match(first, std::regex(" *1h02m +orders +SERVER +1 +250 +0*1 +0*9  shop.Stock/Watch")));
  CHECK(std::regex_match(second, std::regex(" *5.00ms +web +CLIENT +- +- +0*3 +0*8  GET[^\x1b]+")));
  const auto out = ask(daemon, {"spans", "--open", "-o", "json", "--service", "orders"}).out;
  const json span = json::parse(out);  // one alone
  CHECK(span["name"] == "shop.Stock/Watch");
  CHECK(span["end_unix_nano"] == 0);
  CHECK(span["open"] ==
        json::parse(R"({"for_nano": 3723000000000, "pid": 100, "request_bytes": 7, "response_bytes": 4096,
                                        "request_messages": 1, "response_messages": 250})"));
  CHECK(has(ask(daemon, {"spans", "--open", "-o", "yaml"}).out, "response_messages: 250"));
  CHECK(json::parse(ask(daemon, {"spans", "--open", "-o", "json", "-n", "1", "--kind", "client"}).out)["name"] !=
        "shop.Stock/Watch");
  for (const char* other : {"-f", "--error"}) CHECK(ask(daemon, {"spans", "--open", other}).exit_code == 2);
  daemon.agent.tell([](auto& told) { told.busy = true; });
  const auto busy = ask(daemon, {"spans", "--open"});
  CHECK(busy.exit_code == 1);
  CHECK(has(busy.err, "too busy"));
}

TEST_CASE("weft ps: state and reason; names cannot steer the terminal") {
  FakeDaemon daemon;
  const auto table = ask(daemon, {"ps"});
  CHECK(table.exit_code == 0);
  CHECK(has(table.out, "PID  SERVICE"));
  CHECK(has(table.out, "CONNS SEEN"));  // since tracing began, not open now
  CHECK(has(table.out, "NO PARENT"));
  CHECK(has(table.out, "4 no_task"));
  CHECK(has(table.out, "7 compressed  producer: compression.type=none"));
  CHECK(has(table.out, "blocking sockets"));
  CHECK(has(table.out, "another user namespace"));
  CHECK(has(table.out, "blocking sockets; calls over HTTP/2: none: several threads write\n"));
  CHECK_FALSE(has(table.out, "\x1b"));
  const json rows = json::parse(ask(daemon, {"-o", "json", "ps"}).out)["processes"];
  CHECK(rows[0]["service"] == "orders");
  CHECK(rows[0]["task"]["why"] == "blocking sockets");
  CHECK(rows[0]["task"]["http2"] == json::parse(R"({"rule": "none", "why": "several threads write"})"));
  CHECK_FALSE(rows[1]["task"].contains("http2"));  // it calls nobody over HTTP/2
  CHECK(rows[0]["reason"] == "exe_path /usr/bin/python3* (instrument entry 1)");
}

TEST_CASE("weft ps: WHY is how a traced process is followed, or what selects it while nothing is known of it") {
  FakeDaemon daemon;
  const auto known = ask(daemon, {"ps"});
  CHECK(has(known.out, "blocking sockets"));
  CHECK_FALSE(has(known.out, "instrument entry"));
  daemon.agent.tell([&](auto& told) { told.nothing_learned = true; });
  const auto unknown = ask(daemon, {"ps"});
  CHECK(has(unknown.out, "attached by hand"));
  CHECK(has(unknown.out, "it makes its own spans"));  // why no spans are made of it weighs more
  CHECK_FALSE(has(unknown.out, "its threads block"));
  CHECK(has(unknown.out, "event loop\n"));  // said once
}

TEST_CASE("weft ps: the selected ones, --all those that are merely seen too") {
  FakeDaemon daemon;
  for (const std::string format : {"table", "json", "yaml"}) {
    CAPTURE(format);
    const auto few = ask(daemon, {"ps", "-o", format}), all = ask(daemon, {"ps", "--all", "-o", format});
    for (const char* state : {"traced", "refused"}) {
      CHECK(has(few.out, state));
      CHECK(has(all.out, state));
    }
    CHECK_FALSE(has(few.out, "no entry matches"));
    CHECK(has(all.out, "no entry matches"));
    CHECK(few.err == "");
    CHECK(few.exit_code == 0);
  }
  daemon.agent.tell([&](auto& told) { told.nothing_selected = true; });
  const auto none = ask(daemon, {"ps"});
  CHECK(none.err == "weft: none of 1 processes is selected: weft ps --all says why\n");
  CHECK(none.exit_code == 0);
  CHECK(json::parse(ask(daemon, {"ps", "-o", "json"}).out)["processes"].size() == 0);
  CHECK(ask(daemon, {"ps", "-o", "json"}).err == "");
}

TEST_CASE("weft spans: rows, or one JSON object a line") {
  FakeDaemon daemon;
  daemon.add_spans();
  const auto table = ask(daemon, {"spans"});
  CHECK(table.exit_code == 0);
  CHECK(has(table.out, "START"));
  CHECK(has(table.out, "00:00:01.010  back                SERVER       20.0ms  ERROR   " + std::string(kTrace) +
                           "  GET /stock\n"));
  std::istringstream lines(ask(daemon, {"spans", "-o", "json", "--trace", kTrace}).out);
  std::vector<json> spans;
  for (std::string line; std::getline(lines, line);) spans.push_back(json::parse(line));
  REQUIRE(spans.size() == 2);
  for (const char* key : {"trace_id", "span_id", "parent_span_id", "trace_state", "flags", "name", "kind",
                          "start_unix_nano", "end_unix_nano", "status", "attributes", "resource", "links", "baggage"}) {
    CHECK(spans[0].contains(key));
  }
  CHECK(spans[1]["parent_span_id"] == "");
  CHECK(has(ask(daemon, {"spans", "--error"}).out, "GET /stock"));
  CHECK_FALSE(has(ask(daemon, {"spans", "--error"}).out, "GET /orders"));
  CHECK_FALSE(has(ask(daemon, {"spans", "--service", "web", "--kind", "client"}).out, "orders"));
  CHECK(has(ask(daemon, {"spans", "-n", "1"}).out, "web"));
  CHECK_FALSE(has(ask(daemon, {"spans", "-n", "1"}).out, "orders"));
  CHECK(
      has(ask(daemon, {"spans", "-o", "yaml", "-n", "1"}).out, "---\ntrace_id: \"00000000000000000000000000000002\""));
  CHECK(has(ask(daemon, {"spans", "--kind", "Client"}).out, "web"));
}

TEST_CASE("weft spans -f: live, ends with Ctrl-C, with the agent, and with its reader") {
  FakeDaemon daemon;
  daemon.add_spans();
  RunningWeft follow({"spans", "-f", "-n", "1", "-o", "json"}, daemon.socket);
  follow.read_until("\"web\"");
  daemon.store.offer(make_span({.trace = 9, .name = "live one"}));
  CHECK(has(follow.read_until("live one"), "live one"));
  follow.interrupt();
  CHECK(follow.finish().exit_code == 0);

  RunningWeft piped({"spans", "-f", "-n", "1"}, daemon.socket);
  piped.read_until("live one");
  piped.close_output();
  daemon.store.offer(make_span({.trace = 10}));
  CHECK(piped.finish().exit_code == 0);

  RunningWeft orphan({"spans", "-f", "-n", "1"}, daemon.socket);
  orphan.read_until("GET /");
  daemon.server.reset();
  CHECK(orphan.finish().exit_code == 0);
}

TEST_CASE("weft traces and weft trace") {
  FakeDaemon daemon;
  daemon.add_spans();
  const auto table = ask(daemon, {"traces"});
  CHECK(table.exit_code == 0);
  CHECK(has(table.out, kTrace));
  CHECK(has(table.out, "back,orders"));
  CHECK(has(ask(daemon, {"traces", "--min-duration", "50ms"}).out, kTrace));
  CHECK_FALSE(has(ask(daemon, {"traces", "--min-duration", "1s"}).out, kTrace));
  CHECK_FALSE(has(ask(daemon, {"traces", "--service", "web"}).out, kTrace));
  CHECK(json::parse(ask(daemon, {"traces", "--error", "-o", "json"}).out)["traces"].size() == 1);

  const auto waterfall = ask(daemon, {"trace", kTrace});
  CHECK(waterfall.exit_code == 0);
  CHECK(has(waterfall.out, kTrace));
  CHECK(has(waterfall.out, "GET /orders/{id}"));
  CHECK(has(waterfall.out, "back"));
  CHECK(waterfall.out.find("GET /orders/{id}") < waterfall.out.find("GET /stock"));
  CHECK(std::regex_search(waterfall.out, std::regex("orders +[└├]+ shop.Stock/Watch +1h02m +[^ ]+ +open\n")));
  CHECK(json::parse(ask(daemon, {"trace", kTrace, "-o", "json"}).out)["spans"].size() == 3);
  const auto none = ask(daemon, {"trace", "00000000000000000000000000000009"});
  CHECK(none.exit_code == 1);
  CHECK(none.err == "weft: no trace 00000000000000000000000000000009 among the recent ones\n");
  CHECK(ask(daemon, {"trace", "../status"}).exit_code == 2);
  daemon.agent.tell([](auto& told) { told.busy = true; });
  const auto busy = ask(daemon, {"trace", kTrace});
  CHECK(has(busy.out, "GET /stock"));
  CHECK_FALSE(has(busy.out, "Watch"));
  CHECK(busy.err == "weft: too busy\n");
}

TEST_CASE("weft top: once, when there is no terminal") {
  FakeDaemon daemon;
  daemon.add_spans();
  const auto table = ask(daemon, {"top"});
  CHECK(table.exit_code == 0);
  CHECK(has(table.out, "routes over the last 60 s"));
  CHECK(has(table.out, "/orders/{id}"));
  CHECK(has(table.out, "100.0%"));
  CHECK(json::parse(ask(daemon, {"top", "-o", "json"}).out)["routes"].size() == 2);
}

TEST_CASE("weft attach and detach") {
  FakeDaemon daemon;
  CHECK(ask(daemon, {"attach", "7"}).out == "7 is traced now\n");
  CHECK(ask(daemon, {"detach", "7"}).out == "7 is not traced any more\n");
  CHECK(daemon.agent.was_told().actions == std::vector<std::string>{"attach 7", "detach 7"});
  const auto refused = ask(daemon, {"attach", "404"});
  CHECK(refused.exit_code == 1);
  CHECK(refused.err == "weft: no process 404\n");
  CHECK(ask(daemon, {"attach", "x"}).exit_code == 2);
  CHECK(ask(daemon, {"attach", "0"}).exit_code == 2);
}

TEST_CASE("weft record: whole records only, mode 0600, no overwriting by chance; weft replay reads it") {
  FakeDaemon daemon;
  const std::string file = daemon.folder + "/events.weft";
  const std::string header = bytes_text(encode_recording_header({1'000, 2'000}));
  const std::string clock = bytes_text(encode_clock_record({1'000, 2'000}));
  // The fake agent says "HEADER" first; a recording with that is refused.
  {
    RunningWeft odd({"record", file}, daemon.socket);
    while (daemon.agent.recorders() == 0) std::this_thread::yield();
    daemon.agent.emit(std::string(64, 'x'));
    const auto finished = odd.finish();
    CHECK(finished.exit_code == 1);
    CHECK(finished.err == "weft: the agent's events are of another version of weft\n");
  }
  CHECK(ask(daemon, {"record", file}).exit_code == 1);              // it is there
  while (daemon.agent.recorders() != 0) std::this_thread::yield();  // the server has noticed that it hung up
  daemon.agent.tell([&](auto& told) { told.first_piece = ""; });
  {
    RunningWeft early({"record", "--force", file}, daemon.socket);
    while (daemon.agent.recorders() == 0) std::this_thread::yield();
    early.interrupt();
    const auto finished = early.finish();
    CHECK(finished.exit_code == 1);
    CHECK(finished.err == "weft: ended before the agent had sent anything; no file is left\n");
    CHECK(access(file.c_str(), F_OK) != 0);
  }
  while (daemon.agent.recorders() != 0) std::this_thread::yield();
  daemon.agent.tell([&](auto& told) { told.first_piece = header; });
  RunningWeft record({"record", "--force", file}, daemon.socket);
  while (daemon.agent.recorders() == 0) std::this_thread::yield();
  std::string many;
  while (many.size() < 100'000) many += clock;
  while (file_text(file).empty()) daemon.agent.emit(many);  // written in large pieces
  daemon.agent.emit(clock.substr(0, 10));                   // never completed
  record.interrupt();
  const auto finished = record.finish();
  CHECK(finished.exit_code == 0);
  const std::string text = file_text(file);
  CHECK(text.starts_with(header));
  CHECK((text.size() - header.size()) % clock.size() == 0);  // how many came before the signal is chance
  struct stat facts{};
  REQUIRE(stat(file.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
  const auto replayed = run_weft({"replay", file});
  CHECK(replayed.err == "");
  CHECK(replayed.exit_code == 0);
}

TEST_CASE("weft replay --config: spans as an agent with this configuration makes them") {
  FakeDaemon daemon;  // for its folder
  const auto configured = [&](const std::string& yaml) {
    std::ofstream(daemon.folder + "/weft.yaml") << yaml;
    return run_weft({"replay", WEFT_RECORDING, "-o", "json", "--config", daemon.folder + "/weft.yaml"});
  };
  const std::string as_it_is = run_weft({"replay", WEFT_RECORDING, "-o", "json"}).out;
  CHECK(has(as_it_is, "\"name\":\"GET /stock/{id}\""));
  CHECK(configured("").out == as_it_is);
  const auto routes = configured("routes: {patterns: ['/stock/{number}'], ignored: ['/orders/**']}\n");
  CHECK(routes.exit_code == 0);
  CHECK(has(routes.out, "\"name\":\"GET /stock/{number}\""));
  CHECK_FALSE(has(routes.out, "/orders/"));
  CHECK_FALSE(has(as_it_is, "http.request.header.user-agent"));
  const auto header = configured("capture: {headers: [user-agent]}\n");
  CHECK(has(header.out, "\"http.request.header.user-agent\":"));
  const auto bad = configured("routes: {unmatched: guess}\n");
  CHECK(bad.exit_code == 2);
  CHECK(bad.out.empty());
  CHECK(has(bad.err, "weft: " + daemon.folder + "/weft.yaml:1:21: routes.unmatched: 'guess'"));
  CHECK(run_weft({"replay", WEFT_RECORDING, "--config", "/nowhere.yaml"}).exit_code == 2);
}

TEST_CASE("weft record --duration ends by itself") {
  FakeDaemon daemon;
  daemon.agent.tell([&](auto& told) { told.first_piece = bytes_text(encode_recording_header({1'000, 2'000})); });
  const auto finished = ask(daemon, {"record", "--duration", "100ms", daemon.folder + "/x.weft"});
  CHECK(finished.exit_code == 0);
  CHECK(has(finished.err, "0 records in "));
}

TEST_CASE("weft: no agent is exit code 3, and nothing is left behind") {
  const std::string nowhere = "/tmp/weft-no-such-agent.sock";
  for (const std::vector<std::string>& command : {std::vector<std::string>{"status"},
                                                  {"ps"},
                                                  {"spans"},
                                                  {"spans", "-f"},
                                                  {"traces"},
                                                  {"trace", kTrace},
                                                  {"top"},
                                                  {"attach", "1"},
                                                  {"detach", "1"},
                                                  {"record", "/tmp/weft-no-such-recording"}}) {
    std::vector<std::string> arguments = {"--socket", nowhere};
    arguments.insert(arguments.end(), command.begin(), command.end());
    const auto finished = run_weft(arguments);
    CAPTURE(command[0]);
    CHECK(finished.exit_code == 3);
    CHECK(finished.out.empty());
    CHECK(finished.err == "weft: no agent answers at " + nowhere + ": is weftd running?\n");
  }
  CHECK_FALSE(std::filesystem::exists("/tmp/weft-no-such-recording"));
}

TEST_CASE("weft: --socket before and after the command, and it wins over the variable") {
  FakeDaemon daemon;
  CHECK(run_weft({"--socket", daemon.socket, "status"}, "/nowhere").exit_code == 0);
  CHECK(run_weft({"status", "--socket", daemon.socket}, "/nowhere").exit_code == 0);
  CHECK(run_weft({"status"}, "/nowhere").exit_code == 3);
}

TEST_CASE("weft sampling: shows what holds and why, sets a ratio") {
  FakeDaemon daemon;
  const auto table = ask(daemon, {"sampling", "show"});
  CHECK(table.exit_code == 0);
  CHECK(has(table.out, "sampler parentbased_traceidratio (what a caller decided holds)"));
  CHECK(std::regex_search(table.out, std::regex(R"(orders +GET +/health\* +0 +rule 1)")));
  CHECK(has(table.out, "0.5, 3/s at most  jaeger_remote"));
  CHECK(has(table.out, "kept besides: 7 error; not kept: none; waiting: 0"));
  CHECK(has(table.out, "sampling server http://jaeger:5778: 4 answers, 0 failures; last: status 500"));
  CHECK(has(ask(daemon, {"sampling", "set", "0.25"}).out, "set by hand"));
  CHECK(daemon.agent.was_told().ratio == 0.25);
  CHECK(ask(daemon, {"sampling", "set", "default", "--service", "orders"}).exit_code == 0);
  CHECK_FALSE(daemon.agent.was_told().ratio);
  CHECK(daemon.agent.was_told().actions == std::vector<std::string>{"sampling ", "sampling orders"});
  CHECK(json::parse(ask(daemon, {"sampling", "set", "1", "-o", "json"}).out)["ratio"] == 1);
  const auto refused = ask(daemon, {"sampling", "set", "1", "--service", "nobody"});
  CHECK(refused.exit_code == 1);
  CHECK(refused.err == "weft: refused\n");
}
