// SPDX-License-Identifier: Apache-2.0
// weft doctor of a running agent: its exporters, and what its processes could change.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "cli/exporter_findings.h"
#include "cli/remedies.h"
#include "unit/cli_run.h"
#include "unit/control_fake_agent.h"

using namespace weft;
using nlohmann::json;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Finished ask(const FakeDaemon& daemon, std::vector<std::string> arguments) {
  return run_weft(arguments, daemon.socket);
}

}  // namespace

TEST_CASE("remedies: only where the process speaks the protocol that the remedy is for") {
  const auto of = [](const std::string& protocol, const std::string& reason) {
    cli::Json row = {{"pid", 7u}, {"service", "shop"}};
    row["protocols"] = cli::Json::array({protocol});
    row["calls"]["without_parent"] = {{reason, 3u}, {"no_task", 9u}};
    cli::Json answer;
    answer["processes"] = cli::Json::array({row});
    return cli::remedies(answer);
  };
  CHECK(of("http", "too_large").empty());
  const auto found = of("kafka", "too_large");
  REQUIRE(found.size() == 1);
  CHECK(found[0].pid == 7);
  CHECK(found[0].calls == 3);
  CHECK(found[0].reason == "too_large");
  CHECK(of("http", "orphans_off").size() == 1);
  CHECK(of("kafka", "done").empty());
  CHECK(cli::remedies(cli::Json()).empty());
}

TEST_CASE("weft doctor: what processes of a running agent could change") {
  FakeDaemon daemon;
  const json report = json::parse(ask(daemon, {"doctor", "-o", "json"}).out);
  REQUIRE(report["remedies"].size() == 1);
  CHECK(report["remedies"][0]["reason"] == "compressed");
  CHECK(has(ask(daemon, {"doctor"}).out, "7 compressed  producer: compression.type=none"));
}

TEST_CASE("weft doctor: whether the exporters of a running agent work") {
  const auto found = [](cli::Json spans, const std::string& error) {
    cli::Json exporter = {{"name", "otlp"}, {"endpoint", "http://box:4318/v1/traces"}, {"last_error", error}};
    exporter["spans"] = std::move(spans);
    cli::Json status;
    status["exporters"] = cli::Json::array({exporter});
    const auto rows = cli::exporter_findings(status);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].name == "exporter otlp");
    CHECK(rows[0].finding.starts_with("http://box:4318/v1/traces: "));
    return rows[0];
  };
  const auto works = found({{"sent", 9u}, {"failed", 0u}}, "");
  CHECK(works.state == Probe::State::works);
  CHECK(has(works.finding, ": 9 sent"));
  CHECK(works.effect == "");
  const auto lossy = found({{"sent", 9u}, {"dropped_queue_full", 2u}}, "");
  CHECK(lossy.state == Probe::State::limited);
  CHECK(has(lossy.finding, "9 sent, 2 dropped_queue_full"));
  CHECK(lossy.effect == "it works, and spans were lost");
  const auto idle = found({{"sent", 0u}}, "");
  CHECK(idle.state == Probe::State::limited);
  CHECK(has(idle.finding, ": nothing was sent yet"));
  const auto waiting = found({{"sent", 9u}}, "connect: refused");
  CHECK(waiting.state == Probe::State::missing);
  CHECK(has(waiting.finding, ": connect: refused"));
  CHECK(has(waiting.effect, "spans wait"));
  CHECK(found({{"sent", 9u}, {"dropped_retry", 4u}}, "connect: refused").effect ==
        "spans are lost: 9 sent, 4 dropped_retry");
  CHECK(cli::exporter_findings(cli::Json()).empty());

  FakeDaemon daemon;
  CHECK(has(ask(daemon, {"doctor"}).out,
            "\nwhere spans go\n  limited  exporter otlp  http://box/v1/traces: 10 dropped_queue_full, 990 sent\n"
            "                          so: it works, and spans were lost\n"));
  const json report = json::parse(ask(daemon, {"doctor", "-o", "json"}).out);
  REQUIRE(report["exporters"].size() == 1);
  CHECK(report["exporters"][0]["state"] == "limited");
  CHECK(json::parse(run_weft({"doctor", "-o", "json", "--socket", "/nowhere/weft.sock"}).out)["exporters"].empty());
}
