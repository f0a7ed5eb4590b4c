// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "agent/export_log.h"

using namespace weft;
using Outcome = ExportResult::Outcome;

namespace {

const ExportTarget kOtlp{"otlp-2", "http://box:4318/v1/traces", "exporters.otlp", 2048};

std::string failing(const ExportTarget& target, Outcome outcome, const std::string& reason) {
  return export_line(target, {.outcome = outcome, .reason = reason, .error = reason + ": what it said"});
}

}  // namespace

TEST_CASE("export log: which exporter, where to, what happened, what to do, what becomes of spans") {
  CHECK(failing(kOtlp, Outcome::retry, "connect") ==
        "exporter otlp-2 to http://box:4318/v1/traces fails: connect: what it said: does a receiver listen there? "
        "(exporters.otlp.endpoint); tried again, and up to 2048 spans wait meanwhile");
  CHECK(failing(kOtlp, Outcome::refused, "http_401").ends_with("(exporters.otlp.headers); these spans are lost"));
  const ExportTarget zipkin{"zipkin", "https://box/", "exporters.zipkin", 2048};
  CHECK(failing(zipkin, Outcome::refused, "http_401").ends_with("other credentials; these spans are lost"));
  CHECK(failing(zipkin, Outcome::retry, "tls").find("certificates? (exporters.zipkin.tls); ") != std::string::npos);
  CHECK(failing(kOtlp, Outcome::refused, "http_500").ends_with("its own log may tell more; these spans are lost"));
  CHECK(failing(kOtlp, Outcome::accepted, "partial_success").ends_with("what it does not take is lost"));
  CHECK(failing({.name = "console"}, Outcome::refused, "write") ==
        "exporter console fails: write: what it said: standard output takes nothing more; these spans are lost");
}

TEST_CASE("export log: works again, and what was lost") {
  CHECK(export_line(kOtlp, {.works = true}) ==
        "exporter otlp-2 to http://box:4318/v1/traces works again; no span was lost");
  CHECK(export_line(kOtlp, {.works = true, .lost = 7}).ends_with("works again; 7 spans were lost meanwhile"));
}

TEST_CASE("export log: no credentials of the URL") {
  const auto endpoint = [](const std::string& url) {
    const std::string line = export_line({.name = "zipkin", .endpoint = url}, {.works = true});
    return line.substr(std::string("exporter zipkin to ").size(), line.find(" works") - 19);
  };
  CHECK(endpoint("https://me:secret@box/api?token=secret#x") == "https://box/api");
  CHECK(endpoint("http://me@[::1]:9411") == "http://[::1]:9411");
  CHECK(endpoint("http://box/a@b") == "http://box/a@b");
}
